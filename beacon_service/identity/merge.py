"""What two customers' memories, attributes and consents become when they turn out to be one. Pure.

Nothing is forgotten by a merge and nothing is deleted: visits add up, so a cap or an "nth visit" that the two
together have reached is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from beacon_service.campaigns.moment import Memory
from beacon_service.positioning.rings import zone_of_ring
from beacon_service.visits.join import GAP, join
from beacon_service.visits.model import Move, Visit
from beacon_service.zones.model import ZoneKey, split_zone_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from beacon_service.visits.model import Presence, Stay


def merged_memory(named: Memory, anonymous: Memory) -> Memory:
    """Visits of both; a hold-out arm is the named one's where it has one: a person keeps the arm they had."""
    places = named.visits.keys() | anonymous.visits.keys()
    visits = {
        place: _merged_visit(named.visits.get(place), anonymous.visits.get(place)) for place in sorted(places)
    }
    near = {
        ring: _merged_visit(named.near.get(ring), anonymous.near.get(ring))
        for ring in sorted(named.near.keys() | anonymous.near.keys())
    }
    arms, groups = anonymous.arms | named.arms, anonymous.groups | named.groups
    return Memory(visits=visits, arms=arms, groups=groups, near=near)


def merged_attributes(named: Mapping[str, Any], anonymous: Mapping[str, Any]) -> dict[str, Any]:
    return {**anonymous, **named}


def stricter(named: bool | None, anonymous: bool | None) -> bool:
    """Marketing consent of both, None where one was never asked: that is no refusal, and alone no consent.

    (True, True) True; (True, False) False; (True, None) True; (None, None) False.
    """
    said = [consent for consent in (named, anonymous) if consent is not None]
    return bool(said) and all(said)


def _merged_visit(one: Visit | None, other: Visit | None) -> Visit:
    """The later visit, counted on from both; where the two touch they were one visit, seen by two phones.

    3 visits, the third open, and 1 open on another phone: the third visit with 2 open stays. 3 visits, the
    last of them a week ago, and 1 today: today's is the 4th.
    """
    if one is None or other is None:
        found = one or other
        assert found is not None, "a place comes from one of the two"
        return found
    first, second = sorted((one, other), key=lambda visit: (visit.started_at, visit.number))
    if first.open or (first.left_at is not None and second.started_at - first.left_at <= GAP):
        return _joined(first, second)
    return Visit(
        number=first.number + second.number,
        started_at=second.started_at,
        left_at=second.left_at,
        open=second.open,
        dwelled_s=second.dwelled_s,
        before_at=_latest(first.left_at, second.before_at),
        counted=second.counted,
    )


def _joined(first: Visit, second: Visit) -> Visit:
    open_stays = first.open + second.open
    left = [visit.left_at for visit in (first, second) if visit.left_at is not None]
    before = (first.before_at, second.before_at)
    return Visit(
        number=first.number + second.number - (first.counted and second.counted),
        started_at=first.started_at,
        left_at=None if open_stays or not left else max(left),
        open=open_stays,
        dwelled_s=tuple(sorted({*first.dwelled_s, *second.dwelled_s})),
        before_at=_latest(*(at for at in before if at is not None and at <= first.started_at)),
        counted=first.counted or second.counted,
    )


def _latest(*instants: datetime | None) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)


def without_stays(memory: Memory, presence: Presence, sensitive: AbstractSet[str]) -> Memory:
    """The memory of a customer whose phone goes over to another: its stays end where it was last noticed.

    Of a stay in a sensitive zone nothing remains, as after any exit.
    """
    after = _after(memory, _exits(presence.stays), _exits(presence.near))
    kept = {place: visit for place, visit in after.visits.items() if place not in sensitive}
    near = {ring: visit for ring, visit in after.near.items() if zone_of_ring(ring)[0] not in sensitive}
    return replace(after, visits=kept, near=near)


def with_stays(memory: Memory, presence: Presence) -> Memory:
    """The memory of the customer who is found to hold the phone: it has been there since the stays began."""
    return _after(memory, _entries(presence.stays), _entries(presence.near))


def _exits(stays: Sequence[Stay]) -> list[Move]:
    return [Move(stay.zone, "exited", stay.last_at, stay.probability) for stay in _open(stays)]


def _entries(stays: Sequence[Stay]) -> list[Move]:
    return [Move(stay.zone, "entered", stay.since_at, stay.probability) for stay in _open(stays)]


def _open(stays: Sequence[Stay]) -> list[Stay]:
    """A stay that is still being confirmed has not been counted as a visit yet."""
    return [stay for stay in stays if stay.state != "entering"]


def _after(memory: Memory, moves: Sequence[Move], nearings: Sequence[Move]) -> Memory:
    visits, near = dict(memory.visits), dict(memory.near)
    for move in nearings:  # a ring is of no site; an approach as a visit is: the phone came, so they did
        near[move.zone], _ = join(near, move.zone, move)
    for move in moves:
        site, _ = split_zone_key(ZoneKey(move.zone))
        for place in (move.zone, site):
            visits[place], _ = join(visits, place, move)
    return replace(memory, visits=visits, near=near)
