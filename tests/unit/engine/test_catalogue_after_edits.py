"""However many edits led to it, a catalogue is what it would be made from nothing; and an edit is cheap by the number of
zones that it leaves alone: it takes them over without a step of Python's for each.
"""

import sys
from collections import Counter
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.campaigns.programme import Programme
from beacon_service.configuration.model import Documents
from beacon_service.engine import Catalogue
from beacon_service.positioning import grounds
from beacon_service.zones import index, measured
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Located
from beacon_service.zones.tagged import Spot
from tests.factories.catalogue import (
    beacon_document,
    campaign_document,
    cap_document,
    documents,
    floor_document,
    place,
    policy_document,
    site_document,
    square,
    trigger_document,
    zone_document,
)
from tests.factories.people_and_rules import person

TAGS = ("wine", "toys")
SPOTS = [place(column, row) for column in (0.5, 2, 4) for row in (0.5, 3)]
FIXES = [Located("position", (), *spot, 8.0, floor) for spot in SPOTS for floor in (None, "ground")]
PEOPLE = [person(attributes={"tier": tier}) for tier in ("gold", "tin")]

few = st.integers(0, 2)
zones = st.builds(
    lambda number, shape, **fields: zone_document(f"z{number}", geometry=square(*shape[:2], columns=shape[2]), **fields),
    few,
    st.tuples(few, few, st.sampled_from([1.0, 2.5, 6.0])),
    site=st.sampled_from(["shop", "mall"]),
    floor=st.sampled_from([None, "ground"]),
    tags=st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
    sensitive=st.booleans(),
    dwell_s=st.sampled_from([[], [60]]),
    parent=st.sampled_from([None, "z0"]),
    name=st.sampled_from(["a", "b"]),
)  # fmt: skip
identities = st.lists(st.sampled_from(["mac:00", "mac:01", "altbeacon:1:2:3"]), unique=True, min_size=1)
beacons = st.builds(
    lambda number, known_as, status: beacon_document(f"b{number}", identities=known_as, status=status),
    few,
    identities,
    st.sampled_from(["active", "quarantined", "retired"]),
)
TIER = {"attribute": "tier", "op": "eq"}
campaigns = st.builds(
    lambda number, trigger, **fields: campaign_document(f"c{number}", trigger=trigger, **fields),
    few,
    st.sampled_from(
        [
            trigger_document("shop/z0", move="dwelled", dwell_s=30),
            trigger_document(tags=["wine"], move="approached", within_m=20),
            trigger_document("mall/z1", tags=["toys"], site="mall", move="approached", within_m=50),
            trigger_document("shop/z1"),
        ]
    ),
    status=st.sampled_from(["published", "paused", "draft"]),
    audience=st.sampled_from([None, TIER | {"value": "gold"}, {"audience": "a0"}, {"not": {"audience": "a1"}}]),
    caps=st.sampled_from([[], [cap_document(window={"unit": "week"})]]),
)  # fmt: skip
audiences = st.builds(
    lambda number, rule: ("audience", f"a{number}", {"id": f"a{number}", "rule": rule}),
    st.integers(0, 1),
    st.sampled_from([TIER | {"value": "gold"}, TIER | {"value": "tin"}, {"audience": "a0"}]),
)
deletions = st.sampled_from([("zone", "shop/z0"), ("beacon", "b0"), ("campaign", "c0"), ("audience", "a0")])
edits = st.one_of(
    st.builds(lambda *found: {"zones": list({one["site"] + one["id"]: one for one in found}.values())}, zones, zones),
    st.builds(lambda one: {"beacons": [one]}, beacons),
    st.builds(lambda one: {"campaigns": [one]}, campaigns),
    st.builds(lambda one: {"others": [one]}, audiences),
    st.builds(lambda name: {"deleted": [name]}, deletions),
    st.just({"floors": [floor_document(), floor_document("first")]}),
    st.just({"policy": policy_document(cap_document(window={"unit": "month"}))}),
)  # fmt: skip


def edit(version, others=(), **kinds):
    told = documents(**({"sites": []} | kinds), version=version)
    return Documents(version, {**told.bodies, **{(kind, key): body for kind, key, body in others}})


def after(before, changes):
    places, programme = before.places.updated(changes), before.programme.updated(changes)
    return Catalogue.of(changes.version, places, programme, before)


def made(told):
    """From nothing."""
    return Catalogue.of(told.version, Places().updated(told), Programme().updated(told))


def all_of(first, changes):
    """What the log would answer of all of it at once."""
    bodies = dict(first.bodies)
    for one in changes:
        bodies |= one.bodies
    kept = {name: body for name, body in sorted(bodies.items()) if body is not None}
    return Documents(changes[-1].version if changes else first.version, kept)


def told_of(catalogue):
    """All that anybody reads of it."""
    places, programme, rings = catalogue.places, catalogue.programme, catalogue.rings
    asked = {
        key: one.audience and [one.audience(who) for who in PEOPLE]
        for key, one in programme.campaigns.items()
    }
    where = [place.tolist() for place in places.index.covering(np.array(SPOTS))]
    metres = {
        (site, tag, spot): round(found, 6)
        if (found := places.tagged.metres(site, tag, Spot(spot, None)))
        else found
        for site in ("shop", "mall")
        for tag in TAGS
        for spot in SPOTS
    }
    return {
        "zones": dict(places.zones),
        "covered": (places.index.zones, where),
        "sensitive": places.sensitive,
        "metres": metres,
        "heard": dict(places.heard_as),
        "floors": (dict(places.floors), dict(places.floor_counts)),
        "measures": (dict(catalogue.dwells), dict(catalogue.nears), catalogue.span),
        "rings": (dict(rings.by_key), rings.digest, rings.nearness(FIXES)),
        "audiences": asked,
        "triggers": [
            [one.id for one in programme.triggers.candidates(zone, move, measure)]
            for _, zone in sorted(places.zones.items())
            for move, measure in (("entered", None), ("dwelled", 30), ("approached", 20), ("approached", 50))
        ],
    }


FIRST = documents(sites=[site_document("shop"), site_document("mall")])


@given(steps=st.lists(edits, max_size=7))
def test_step_by_step_and_from_nothing_come_to_the_same(steps):
    changes = [edit(number, **kinds) for number, kinds in enumerate(steps, 2)]
    # Asked at every step, so that an answer that is kept for too long would be found out.
    *_, told = [told_of(one) for one in accumulate(changes, after, initial=made(FIRST))]

    assert told == told_of(made(all_of(FIRST, changes)))


@given(steps=st.lists(edits, min_size=1, max_size=5))
def test_a_version_that_somebody_still_holds_does_not_change_under_them(steps):
    versions = [made(FIRST)]
    told = []
    for number, kinds in enumerate(steps, 2):
        told.append(told_of(versions[-1]))
        versions.append(after(versions[-1], edit(number, **kinds)))
    assert [told_of(one) for one in versions[:-1]] == told


def town(size):
    """A site of so many zones, every one with a ring, beacons and campaigns."""
    across = 20
    shops = [
        zone_document(
            f"z{n}", geometry=square(2 * (n % across), 2 * (n // across)), tags=["shop"], dwell_s=[60]
        )
        for n in range(size)
    ]
    near = campaign_document("near", trigger=trigger_document(tags=["shop"], move="approached", within_m=20))
    heard = [beacon_document(f"b{n}", identities=[f"mac:{n}"]) for n in range(size)]
    return made(documents(zones=shops, beacons=heard, campaigns=[near, campaign_document("coffee")]))


EDITS = {
    "a name": {"zones": [zone_document("z3", geometry=square(6, 0), tags=["shop"], name="Other")]},
    "a tag": {"zones": [zone_document("z3", geometry=square(6, 0), tags=["shop", "new"], dwell_s=[60])]},
    "a shape": {"zones": [zone_document("z3", geometry=square(6, 0.5), tags=["shop"], dwell_s=[60])]},
    "a new zone": {"zones": [zone_document("new", geometry=square(-5, 0), tags=["shop"])]},
    "a zone that goes": {"deleted": [("zone", "shop/z3")]},
    "a beacon": {"beacons": [beacon_document("b3", identities=["mac:other"])]},
    "a floor": {"floors": [floor_document()]},
    "a site": {"sites": [site_document(name="Other")]},
    "a campaign": {"campaigns": [campaign_document("coffee", revision=2)]},
    "a campaign that waits for a stay": {
        "campaigns": [
            campaign_document("seat", trigger=trigger_document("shop/z5", move="dwelled", dwell_s=90))
        ]
    },
    "a policy": {"policy": policy_document(cap_document())},
}


def python_calls(act):
    """How often each function of Python's is called: a count that no busy machine changes."""
    calls = Counter()

    def note(frame, event, _):
        if event == "call":
            calls[frame.f_code.co_qualname] += 1

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("kinds", EDITS.values(), ids=EDITS.keys())
def test_an_edit_takes_as_many_steps_with_many_zones_as_with_few(kinds):
    small, large = (town(size) for size in (100, 400))
    changes = edit(2, **kinds)
    after(small, changes)  # what is imported or remembered at the first call is not counted

    few_calls, many_calls = (python_calls(lambda one=one: after(one, changes)) for one in (small, large))

    # A tree a level deeper, a tag more: not one for each of the three hundred.
    more = {name: (few_calls[name], n) for name, n in many_calls.items() if n > few_calls[name] + 20}
    assert more == {}


@pytest.mark.parametrize("kinds", EDITS.values(), ids=EDITS.keys())
def test_what_an_edit_leaves_alone_stays_the_same_object(kinds):
    before = town(100)
    now = after(before, edit(2, **kinds))

    named = {key for _, key in edit(2, **kinds).bodies}
    for held, found in (
        (before.places.zones, now.places.zones),
        (before.places.beacons, now.places.beacons),
        (before.programme.campaigns, now.programme.campaigns),
    ):
        assert measured.changed(held, found) <= named
    assert len(measured.changed(before.rings.by_key, now.rings.by_key)) <= 1


def test_only_ground_that_is_drawn_otherwise_is_measured_and_prepared(monkeypatch):
    worked = Counter()

    def counted(module, name, size):
        original = getattr(module, name)

        def work(*arguments):
            worked[name] += size(*arguments)
            return original(*arguments)

        monkeypatch.setattr(module, name, work)

    before = town(100)
    counted(measured, "areas_m2", len)
    counted(index, "prepare", len)
    counted(grounds, "drawn_apart", len)

    after(before, edit(2, **EDITS["a name"]))
    assert not +worked
    after(before, edit(2, **EDITS["a shape"]))
    assert worked == {"areas_m2": 1, "prepare": 1, "drawn_apart": 1}
