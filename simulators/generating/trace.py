"""A trace of made-up days, written as it is made: people come in order of arrival, and nobody's lines wait for longer
than the person is there.
"""

import heapq
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from simulators.generating.hours import OpenDay
from simulators.generating.telling import REGISTERS_BEFORE_S, Told
from simulators.generating.world import Crowd, World, coming_on, make_world, open_days, outings
from simulators.traces.files import truth_beside
from simulators.traces.model import Header, TruthHeader
from simulators.traces.packed import written
from simulators.venue import Venue

Progress = Callable[[float], None]


@dataclass(slots=True)
class Tally:
    """What came of it. `effect`: what an offer adds to somebody's chance to buy, summed over all people."""

    people: int = 0
    visits: int = 0
    reports: int = 0
    pings: int = 0
    purchases: int = 0
    effect: float = 0.0
    lines: int = 0
    truths: int = 0
    guesses: tuple[str, ...] = field(default=())


def write_days(
    out: Path,
    venue: Venue,
    crowd: Crowd,
    made_by: str,
    progress: Progress = lambda _share: None,
) -> Tally:
    """The trace, and its truth beside it; both appear when all is written."""
    world = make_world(venue, crowd)
    days = open_days(world)
    tally = Tally(guesses=world.terrain.guesses)
    header = Header(
        made_by=made_by,
        begins_at=datetime.fromtimestamp(days[0].opens_s - REGISTERS_BEFORE_S, UTC),
        sites=(world.terrain.place.id,),
    )
    with ExitStack() as files:
        trace = files.enter_context(written(out))
        truth = files.enter_context(written(truth_beside(out)))
        trace.write(msgspec.json.encode(header) + b"\n")
        truth.write(msgspec.json.encode(TruthHeader(trace=out.name)) + b"\n")
        for told in merged(world, days, tally, progress):
            (truth if told.truth else trace).write(told.line + b"\n")
            tally.lines += not told.truth
            tally.truths += told.truth
    return tally


def merged(world: World, days: list[OpenDay], tally: Tally, progress: Progress) -> Iterator[Told]:
    """The lines of all people in order of time; only those who are there are in memory."""
    there: list[tuple[Told, int, Iterator[Told]]] = []
    number = 0
    for done, day in enumerate(days):
        coming = coming_on(world, day)
        for place, party in enumerate(coming, start=1):
            yield from _until(there, round((party.at_s - REGISTERS_BEFORE_S) * 1000))
            for outing in outings(world, party):
                number += 1
                lines = _counted(world.teller.lines(outing), tally)
                if (first := next(lines, None)) is not None:
                    heapq.heappush(there, (first, number, lines))
                tally.visits += 1
                if outing.first:
                    tally.people += 1
                    tally.effect += outing.person.answers.buy_if_offered - outing.person.answers.buy
            progress((done + place / len(coming)) / len(days))
    yield from _until(there, None)


def _until(there: list[tuple[Told, int, Iterator[Told]]], until_ms: int | None) -> Iterator[Told]:
    while there and (until_ms is None or there[0][0].at_ms < until_ms):
        told, number, lines = there[0]
        yield told
        following = next(lines, None)
        if following is None:
            heapq.heappop(there)
        else:
            heapq.heapreplace(there, (following, number, lines))


def _counted(lines: Iterator[Told], tally: Tally) -> Iterator[Told]:
    for told in lines:
        if not told.truth:
            if told.line.startswith(b'{"kind":"report"'):
                tally.reports += 1
                tally.pings += told.line.count(b'{"ping_id":')
            tally.purchases += told.line.startswith(b'{"kind":"event"')
        yield told
