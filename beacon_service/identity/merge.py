"""What two customers' memories, attributes and consents become when they turn out to be one. Pure.

Nothing is forgotten by a merge and nothing is deleted: visits add up, so a cap or an "nth visit" that the two
together have reached is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from beacon_service.campaigns.moment import Memory
from beacon_service.visits.join import GAP, join
from beacon_service.visits.model import Move, Visit
from beacon_service.zones.model import ZoneKey, split_zone_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from beacon_service.visits.model import Stay


def merged_memory(named: Memory, anonymous: Memory) -> Memory:
    """Visits of both; a hold-out arm is the named one's where it has one: a person keeps the arm they had."""
    places = named.visits.keys() | anonymous.visits.keys()
    visits = {
        place: _merged_visit(named.visits.get(place), anonymous.visits.get(place)) for place in sorted(places)
    }
    return Memory(visits=visits, arms=anonymous.arms | named.arms, groups=anonymous.groups | named.groups)


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
    )


def _joined(first: Visit, second: Visit) -> Visit:
    open_stays = first.open + second.open
    left = [visit.left_at for visit in (first, second) if visit.left_at is not None]
    before = (first.before_at, second.before_at)
    return Visit(
        number=first.number + second.number - 1,
        started_at=first.started_at,
        left_at=None if open_stays or not left else max(left),
        open=open_stays,
        dwelled_s=tuple(sorted({*first.dwelled_s, *second.dwelled_s})),
        before_at=_latest(*(at for at in before if at is not None and at <= first.started_at)),
    )


def _latest(*instants: datetime | None) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)


def without_stays(memory: Memory, stays: Sequence[Stay], sensitive: AbstractSet[str]) -> Memory:
    """The memory of a customer whose phone goes over to another: its stays end where it was last noticed.

    Of a stay in a sensitive zone nothing remains, as after any exit.
    """
    moves = [Move(stay.zone, "exited", stay.last_at, stay.probability) for stay in _open(stays)]
    after = _after(memory, moves)
    kept = {place: visit for place, visit in after.visits.items() if place not in sensitive}
    return replace(after, visits=kept)


def with_stays(memory: Memory, stays: Sequence[Stay]) -> Memory:
    """The memory of the customer who is found to hold the phone: it has been there since the stays began."""
    moves = [Move(stay.zone, "entered", stay.since_at, stay.probability) for stay in _open(stays)]
    return _after(memory, moves)


def _open(stays: Sequence[Stay]) -> list[Stay]:
    """A stay that is still being confirmed has not been counted as a visit yet."""
    return [stay for stay in stays if stay.state != "entering"]


def _after(memory: Memory, moves: Sequence[Move]) -> Memory:
    visits = dict(memory.visits)
    for move in moves:
        site, _ = split_zone_key(ZoneKey(move.zone))
        for place in (move.zone, site):
            visits[place], _ = join(visits, place, move)
    return replace(memory, visits=visits)
