"""Coming near through both passes of the engine: what is remembered, what ends it, and what it leaves alone."""

import pytest

from beacon_service.visits.model import Visit
from tests.factories.catalogue import campaign_document, square, trigger_document, zone_document
from tests.factories.steps import PHONE, WATCH, Story, at, catalogue, ping, tick

# A row is 11.1 m: 100 m and 330 m south of the café.
NEAR, FAR, INSIDE = (1, -9), (1, -30), (1, 1)
RING = "shop/cafe~150"


def come_in(id_="come-in", *, within_m=150, status="published", **fields):
    trigger = trigger_document("shop/cafe", move="approached", within_m=within_m)
    return campaign_document(id_, trigger=trigger, status=status, **fields)


def cafe(*campaigns, **fields):
    zones = [zone_document("cafe", geometry=square(columns=2, rows=2), exit_hold_s=0, **fields)]
    return catalogue(zones=zones, campaigns=campaigns)


def told(story):
    return [
        f"{one.campaign} {one.moment.move}({one.moment.within_m}) {one.moment.visit}"
        for one in story.decisions
    ]


def test_coming_near_is_told_to_campaigns_and_to_nobody_else():
    story = Story(cafe(come_in())).then(ping(0, FAR)).then(ping(60, NEAR)).then(ping(70, NEAR))
    assert told(story) == ["come-in approached(150) 1"]
    assert story.moves == []
    assert story.memory.visits == {}
    assert story.memory.near == {RING: Visit(1, at(60), open=1)}
    assert [stay.zone for stay in story.world.installations[PHONE].presence.near] == [RING]


def test_without_such_a_campaign_nothing_of_it_is_kept():
    plain = campaign_document("coffee")
    story = Story(cafe(plain)).then(ping(0, FAR)).then(ping(60, NEAR))
    presence = story.world.installations[PHONE].presence
    assert (presence.near, presence.rings, story.followed[-1].near) == ((), 0, ())
    assert story.decisions == []


@pytest.mark.parametrize("status", ["draft", "paused", "ended", "archived"])
def test_a_campaign_that_is_not_published_makes_no_ring(status):
    story = Story(cafe(come_in(status=status))).then(ping(0, FAR)).then(ping(60, NEAR))
    assert not story.catalogue.rings
    assert (story.decisions, story.memory.near) == ([], {})


def test_one_that_is_published_greets_nobody_who_stands_there():
    story = Story(cafe()).then(ping(0, NEAR)).then(ping(10, NEAR), catalogue=cafe(come_in()))
    assert story.decisions == []
    other = Story(cafe(come_in("other", within_m=50))).then(ping(0, NEAR))
    both = cafe(come_in("other", within_m=50), come_in())
    assert other.then(ping(10, NEAR), catalogue=both).decisions == []
    assert other.memory.near[RING] == Visit(0, at(10), open=1, counted=False)


def test_its_end_ends_nearness_and_its_return_begins_none():
    story = Story(cafe(come_in())).then(ping(0, NEAR)).then(ping(10, NEAR), catalogue=cafe())
    story.then(tick(400))
    presence = story.world.installations[PHONE].presence
    assert presence.near == ()
    assert story.memory.near[RING].open == 0
    story.then(ping(410, NEAR)).then(ping(420, NEAR), catalogue=cafe(come_in()))
    assert len(story.decisions) == 1


def test_the_end_of_its_zone_ends_nearness_and_what_was_remembered_of_it():
    story = Story(cafe(come_in())).then(ping(0, NEAR))
    story.then(ping(10, NEAR), catalogue=catalogue(version=2, zones=[], campaigns=[come_in()]))
    story.then(tick(400))
    assert story.memory.near == {}
    assert len(story.decisions) == 1


def test_nor_is_a_zone_remembered_that_became_sensitive_meanwhile():
    story = Story(cafe(come_in())).then(ping(0, NEAR))
    story.then(ping(10, NEAR), catalogue=cafe(come_in(), sensitive=True)).then(tick(400))
    assert (story.memory.near, len(story.decisions)) == ({}, 1)


def test_a_second_phone_adds_none_and_the_last_to_leave_ends_it():
    story = Story(cafe(come_in())).then(ping(0, NEAR)).then(ping(10, NEAR, phone=WATCH))
    assert (told(story), story.memory.near[RING].open) == (["come-in approached(150) 1"], 2)
    story.then(ping(20, FAR)).then(tick(140)).then(ping(150, NEAR, phone=WATCH))
    assert story.memory.near[RING].open == 1
    story.then(tick(570, phone=WATCH))
    assert story.memory.near[RING] == Visit(1, at(0), left_at=at(570))


@pytest.mark.parametrize(("minutes", "moments"), [(10, 1), (11, 2)])
def test_a_return_within_ten_minutes_is_the_same_approach(minutes, moments):
    story = Story(cafe(come_in())).then(ping(0, NEAR)).then(tick(420))
    assert story.memory.near[RING].left_at == at(420)
    story.then(ping(420 + 60 * minutes, NEAR))
    assert len(story.decisions) == moments


def test_a_retried_moment_keeps_its_name_and_each_ring_has_its_own():
    again = [
        Story(cafe(come_in(), come_in("close", within_m=100))).then(ping(0, FAR)).then(ping(60, (1, -5)))
        for _ in range(2)
    ]
    names = [[one.moment.key for one in story.decisions] for story in again]
    assert names[0] == names[1]
    assert len(set(names[0])) == 2
    assert [one.moment.within_m for one in again[0].decisions] == [100, 150]


def test_a_phone_whose_consent_was_withdrawn_comes_near_nothing():
    story = Story(cafe(come_in()), location=False).then(ping(0, NEAR))
    assert (story.decisions, story.memory.near) == ([], {})


def test_an_approach_counts_in_the_visit_to_the_site_that_it_is_part_of():
    zones = [
        zone_document("cafe", geometry=square(columns=2, rows=2), exit_hold_s=0),
        zone_document("gate", geometry=square(0, -31, columns=2, rows=2), exit_hold_s=0),
    ]
    story = Story(catalogue(zones=zones, campaigns=[come_in()])).then(ping(0, FAR)).then(ping(60, NEAR))
    assert story.moves == ["entered gate", "exited gate"]
    assert story.decisions[0].moment.visit_started_at == at(0)
    alone = Story(cafe(come_in())).then(ping(0, FAR)).then(ping(60, NEAR))
    assert alone.decisions[0].moment.visit_started_at == at(60)


def test_rings_are_made_of_what_published_campaigns_name_and_of_no_sensitive_zone():
    zones = [zone_document("cafe", tags=["food"]), zone_document("clinic", tags=["food"], sensitive=True)]
    tagged = trigger_document(tags=["food"], move="approached", within_m=50)
    campaigns = [come_in(), campaign_document("tagged", trigger=tagged)]
    found = catalogue(zones=zones, campaigns=campaigns)
    assert sorted(found.rings.by_key) == [RING, "shop/cafe~50"]
