"""Stays of all a customer's phones, joined over short gaps into visits: to a zone, and to a site.

A visit is what a marketer counts ("the third time this week"); a stay is what a phone reports. `join` tells which
moves are moments: `entered` and each dwell threshold once a visit, `exited` when the last open stay closes.
"""

from collections.abc import Mapping
from datetime import timedelta

from beacon_service.visits.model import Move, Visit

# Someone who steps out to take a call and comes back is still on the same visit.
GAP = timedelta(minutes=10)


def join(visits: Mapping[str, Visit], place: str, move: Move) -> tuple[Visit, bool]:
    """The visit to `place` after the move, and whether the move is a moment."""
    visit = visits.get(place)
    if move.type == "entered":
        return _enter(visit, move)
    if visit is None:  # its visit was forgotten (erased, merged away): nothing to join to
        return Visit(number=1, started_at=move.at, left_at=move.at), False
    if move.type == "dwelled":
        return _dwell(visit, move)
    return _exit(visit, move)


def _enter(visit: Visit | None, move: Move) -> tuple[Visit, bool]:
    if visit is None:
        return Visit(number=1, started_at=move.at, open=1), True
    if visit.open == 0 and (visit.left_at is None or move.at - visit.left_at > GAP):
        again = Visit(number=visit.number + 1, started_at=move.at, open=1, before_at=visit.left_at)
        return again, True
    return _with(visit, open_stays=visit.open + 1), False


def _dwell(visit: Visit, move: Move) -> tuple[Visit, bool]:
    if move.dwell_s is None or move.dwell_s in visit.dwelled_s:
        return visit, False
    return _with(visit, dwelled_s=(*visit.dwelled_s, move.dwell_s)), True


def _exit(visit: Visit, move: Move) -> tuple[Visit, bool]:
    remaining = max(0, visit.open - 1)
    return Visit(
        number=visit.number,
        started_at=visit.started_at,
        # Of two phones the one that left first may be told of last: its timer was noticed later.
        left_at=move.at if visit.left_at is None else max(move.at, visit.left_at),
        open=remaining,
        dwelled_s=visit.dwelled_s,
        before_at=visit.before_at,
        counted=visit.counted,
    ), remaining == 0


def _with(visit: Visit, *, open_stays: int | None = None, dwelled_s: tuple[int, ...] | None = None) -> Visit:
    return Visit(
        number=visit.number,
        started_at=visit.started_at,
        left_at=visit.left_at,
        open=visit.open if open_stays is None else open_stays,
        dwelled_s=visit.dwelled_s if dwelled_s is None else dwelled_s,
        before_at=visit.before_at,
        counted=visit.counted,
    )
