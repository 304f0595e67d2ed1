"""A torture from beginning to end: traffic and death side by side, then peace, and the count."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
from psycopg import sql

from tests.torture import checker, findings
from tests.torture.clients import CLIENTS, SMALL, Crowd, Size
from tests.torture.edits import edits
from tests.torture.plant import plant, plant_together
from tests.torture.processes import Service, service
from tests.torture.programme import configure
from tests.torture.world import Keys, make_keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.torture.checker import Verdict
    from tests.torture.findings import Finding

WEB_EVERY_S = 5.0
WORKER_EVERY_S = 13.0
# The first early, so that the shortest run has one; then once in three quarters of a minute.
DATABASE_FIRST_S, DATABASE_EVERY_S = 12.0, 45.0
EDIT_EVERY_S = 2.0
WATCH_EVERY_S = 0.5
# Traffic that decides less than this hardly touched what is to be tested.
LEAST_DECISIONS_PER_S = 5.0
EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Plan:
    seconds: float
    seed: int
    web_processes: int = 2
    size: Size = SMALL
    planted: int | None = None  # how many sorts of violation are planted, all at once; None: each alone


def run(plan: Plan) -> dict[str, Any]:
    """The verdict as it is printed; `passed` sums it up."""
    rng = random.Random(plan.seed)
    say(f"seed {plan.seed}; starting database, {plan.web_processes} web processes and two workers")
    with service(web_processes=plan.web_processes) as made:
        with made.connect() as connection:
            keys = make_keys(connection)
        with httpx2.Client(base_url=made.address, timeout=30) as http:
            configure(http, keys)
        crowd, after_traffic = asyncio.run(_torment(made, keys, plan, rng))
        made.stop_programs()
        verdict = _recount(made, crowd)
        harvest = _plant(made, crowd, plan, rng)
        if crowd.told.statuses[500]:
            say(made.web.unexpected_errors())
    every = (*after_traffic.findings, *verdict.findings)
    _explain(every, harvest.missed, crowd)
    numbers = {
        **findings.columns(set(every)),
        "planted_found": harvest.found,
        "planted": harvest.planted,
        "decisions": verdict.decisions,
        "offers": verdict.offered,
        "held_out": verdict.held_out,
        "late_outcomes": verdict.late_outcomes,
        "unjudged": verdict.unjudged,
        "campaigns_heard": len(verdict.heard),
        "codes_given": verdict.codes_given,
        "pings_acknowledged": len(crowd.told.pings),
        "never_acknowledged": len(crowd.told.unacknowledged),
        "server_errors": crowd.told.statuses[500],
        "kills": made.killed.total(),
        "kills_by": dict(made.killed),
        "seed": plan.seed,
    }
    return {**numbers, "passed": _passed(numbers, plan)}


def _explain(every: Sequence[Finding], missed: Sequence[str], crowd: Crowd) -> None:
    """A few of each kind: a thousand of one must not hide the one of another."""
    for kind in sorted({finding.kind for finding in every}):
        same = sorted({finding.said for finding in every if finding.kind == kind})
        for said in same[:EXAMPLES]:
            say(f"FOUND {kind} ({len(same)} of these): {said}")
    for name in missed:
        say(f"NOT SEEN although planted: {name}")
    for status, example in crowd.told.refusals.items():
        say(f"refused with {status}: {example}")


def _passed(numbers: dict[str, Any], plan: Plan) -> bool:
    zeros = (*findings.columns(()), "server_errors")
    return (
        all(numbers[name] == 0 for name in zeros)
        and numbers["planted_found"] == numbers["planted"] > 0
        and numbers["kills"] > 0
        and numbers["decisions"] > LEAST_DECISIONS_PER_S * plan.seconds
    )


async def _torment(made: Service, keys: Keys, plan: Plan, rng: random.Random) -> tuple[Crowd, Verdict]:
    limits = httpx2.Limits(max_connections=2 * CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx2.AsyncClient(base_url=made.address, limits=limits) as http:
        crowd = Crowd(http, keys, rng, plan.size)
        await crowd.gather()
        say(f"{len(crowd.phones)} phones are registered; {CLIENTS} clients for {plan.seconds:.0f} s")
        traffic = asyncio.create_task(crowd.traffic())
        await _trouble(made, crowd, plan, rng)
        crowd.stopped.set()
        await asyncio.to_thread(_make_whole, made)
        await traffic
        say(f"traffic has ended, {_summary(crowd)}; counting")
        before = await asyncio.to_thread(_recount, made, crowd)
        await crowd.retry_unacknowledged()
        return crowd, before


async def _trouble(made: Service, crowd: Crowd, plan: Plan, rng: random.Random) -> None:
    """Each kind of trouble at its own pace, one at a time, until the time is up."""
    ends_at = time.monotonic() + plan.seconds
    changes = edits()

    async def edit() -> None:
        method, path, body = next(changes)
        headers = {"Authorization": f"Bearer {crowd.keys.secret}"}
        try:
            answer = await crowd.http.request(method, path, headers=headers, json=body, timeout=5)
        except httpx2.TransportError:
            crowd.told.failures["edit"] += 1
        else:
            crowd.told.edited(f"{method} {path}", answer.status_code, answer.text)

    async def kill_database() -> None:
        await asyncio.to_thread(made.kill_database)
        await asyncio.sleep(rng.uniform(0.2, 1.5))
        await asyncio.to_thread(made.revive_database)

    async def watch() -> None:
        made.keep_alive()

    await asyncio.gather(
        _every(WATCH_EVERY_S, WATCH_EVERY_S, ends_at, watch),
        _every(WEB_EVERY_S, WEB_EVERY_S, ends_at, lambda: asyncio.to_thread(made.kill_web, rng)),
        _every(WORKER_EVERY_S / 2, WORKER_EVERY_S, ends_at, lambda: asyncio.to_thread(made.kill_worker, rng)),
        _every(DATABASE_FIRST_S, DATABASE_EVERY_S, ends_at, kill_database),
        _every(EDIT_EVERY_S, EDIT_EVERY_S, ends_at, edit),
        _every(10, 10, ends_at, lambda: _progress(made, crowd, ends_at)),
    )


async def _every(first_s: float, pause_s: float, ends_at: float, act: Callable[[], Awaitable[None]]) -> None:
    pause = first_s
    while time.monotonic() + pause < ends_at:
        await asyncio.sleep(pause)
        await act()
        pause = pause_s
    await asyncio.sleep(max(0.0, ends_at - time.monotonic()))


async def _progress(made: Service, crowd: Crowd, ends_at: float) -> None:
    left_s = ends_at - time.monotonic()
    say(f"{left_s:.0f} s to go, {_summary(crowd)}, killed {dict(made.killed)}")


def _summary(crowd: Crowd) -> str:
    told = crowd.told
    answers, verdicts = dict(told.statuses), dict(told.verdicts.most_common(6))
    return (
        f"answers {answers}, no answer {dict(told.failures)}, pings {verdicts}, offers {len(told.decisions)}"
    )


def _make_whole(made: Service) -> None:
    made.revive_database()
    made.keep_alive()
    made.await_ready()


def _recount(made: Service, crowd: Crowd) -> Verdict:
    with made.connect() as connection:
        connection.isolation_level = checker.ONE_INSTANT
        verdict = checker.check(connection, crowd.told.acknowledged())
    kinds = Counter(finding.kind for finding in verdict.findings)
    say(f"campaigns heard {dict(verdict.heard)}; others lost for {dict(verdict.reasons)}")
    say(
        f"{verdict.decisions} decisions, {verdict.offered} offers, {verdict.pings} pings; found {dict(kinds) or 'nothing'}"
    )
    return verdict


def _plant(made: Service, crowd: Crowd, plan: Plan, rng: random.Random) -> Any:
    """On a copy, so that what was recorded stays as it was."""
    names = (sql.Identifier("planted"), sql.Identifier("beacon"))
    with made.connect("postgres") as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    with made.connect("planted") as copy:
        told = crowd.told.acknowledged()
        one_by_one = plan.planted is None
        harvest = plant(copy, rng, told) if one_by_one else plant_together(copy, rng, told, most=plan.planted)
    say(f"found {harvest.found} of {harvest.planted} planted violations")
    return harvest


def say(what: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr, flush=True)
