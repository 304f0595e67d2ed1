"""Presence told in a few words: a shop with zones, pings as (seconds, probability), moves as short texts."""

from datetime import UTC, datetime, timedelta

from beacon_service.visits.advance import advance, fire
from beacon_service.visits.model import Presence
from beacon_service.zones.model import NOWHERE, Located
from tests.factories.catalogue import floor_document, place, places, square, zone_document

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def shop(**cafe):
    """A hall of 68 m by 111 m; in it, side by side, a café and a bar, each of 13.6 m by 22 m."""
    zones = [
        zone_document("hall", geometry=square(columns=10, rows=10)),
        zone_document("cafe", geometry=square(0, 0, columns=2, rows=2), **cafe),
        zone_document("bar", geometry=square(2, 0, columns=2, rows=2)),
    ]
    return places(floors=[floor_document()], zones=zones)


def seen(accuracy_m=3.0, where=(1.0, 1.0), source="beacons", floor=None, **zones):
    """A ping located: `seen(cafe=0.9)`."""
    longitude, latitude = place(*where)
    ranked = sorted(((f"shop/{zone}", p) for zone, p in zones.items()), key=lambda one: -one[1])
    return Located(source, tuple(ranked), longitude, latitude, accuracy_m, floor)


IN, OUT, UNSURE, NOTHING = seen(cafe=0.6), seen(where=(9, 9)), seen(cafe=0.3), NOWHERE
SURE = seen(cafe=0.96)


def follow(pings, world=None, presence=None, dwells=None):
    """Each (seconds, located) in order as the engine does: what is due first, then the ping."""
    presence, world, moves = presence or Presence(), world or shop(), []
    for seconds, located in pings:
        presence, due = fire(presence, at(seconds), world)
        presence, made = advance(presence, located, at(seconds), world, dwells or {})
        moves += (*due, *made)
    return presence, moves


def told(moves):
    """`cafe entered 5`, `cafe dwelled(60) 65`: zone, what, seconds after noon."""
    return [
        f"{move.zone.removeprefix('shop/')} {move.type}{f'({move.dwell_s})' if move.dwell_s else ''} "
        f"{(move.at - NOON).total_seconds():g}"
        for move in moves
    ]
