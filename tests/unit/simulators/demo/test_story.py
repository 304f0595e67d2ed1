"""The story: each move and decision told once, in words, with the reasons of those that lost."""

from datetime import UTC, datetime

from simulators.demo.reading import Decision, Move
from simulators.demo.story import Names, Story, losers

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = Names({"i1": "shopper 1"}, {"s/w": "Wine"}, {"two": "Two bottles"})


def new_story():
    told = []
    return Story(NAMES, told.append), told


def decided(number, campaign=None, **reasons):
    return Decision(f"d{number}", "i1", "entered", "s/w", NOON, campaign, reasons)


def event(number, kind):
    return {
        "event_id": f"e{number}", "installation_id": "i1", "type": kind, "site": "s", "zone": "w",
        "at": "2026-11-22T12:00:00Z", "confidence": 3,
    }  # fmt: skip


def test_an_offer_is_told_with_person_zone_certainty_and_losers():
    story, told = new_story()
    story.answered("i1", {"events": [event(1, "entered")]})
    story.moved(Move("e1", "i1", "entered", "s/w", NOON, 0.93))
    story.decided(decided(1, "two", coffee="daypart"))
    (line,) = told
    assert line.endswith('shopper 1 entered Wine (0.93) -> OFFER "Two bottles" | lost: coffee: daypart')


def test_a_decision_is_told_once_however_often_it_is_read():
    story, told = new_story()
    for _ in range(3):
        story.decided(decided(1, "two"))
    assert (len(told), story.offers) == (1, 1)


def test_moments_without_an_offer_are_all_counted_but_few_are_told():
    story, told = new_story()
    for number in range(5):
        story.decided(decided(number, None, coffee="daypart"))
    assert (len(told), story.reasons["daypart"], story.offers) == (1, 5, 0)
    assert "no offer" in told[0]


def test_people_inside_follow_the_moves_and_a_move_counts_once():
    story, _ = new_story()
    story.answered("i1", {"events": [event(1, "entered")]})
    story.moved(Move("e1", "i1", "entered", "s/w", NOON))
    assert (story.inside["s/w"], story.moves["entered"]) == ({"i1"}, 1)
    story.moved(Move("e2", "i1", "exited", "s/w", NOON))
    assert story.inside["s/w"] == set()


def test_many_losers_are_cut_short():
    told = losers(dict.fromkeys("abcdef", "cap"))
    assert told == "a: cap, b: cap, c: cap, d: cap and 2 more"
