"""The worker's tick: fires the timers that no ping came to fire - dwell thresholds, held exits, silence.

Any worker may tick, several at once: each takes customers that nobody holds, and reads again under the lock.
"""

from collections.abc import Sequence

from beacon_service.db import Connection, Statement, finish
from beacon_service.engine import Given, Tick, World, follow, settle
from beacon_service.pings import loading, saving
from beacon_service.pings.hand_out import CodeTaker
from beacon_service.pings.records import Presented, still_holds
from beacon_service.pings.results import save_results
from beacon_service.pings.tallies import TallyLocks

# As many installations as one transaction may hold locked without making pings wait noticeably.
MOST = 200


def tick(connection: Connection, given: Given, only: int | None = None) -> int:
    """Fire what is due at `given.now`, of that customer alone if one is named.

    Answers how many installations were looked at, at most `MOST`.
    """
    woken = loading.lock_due(connection, now=given.now, most=MOST, only=only)
    if not woken:
        return 0
    since = given.catalogue.ledger_since(given.now)
    loaded = loading.load(connection, woken, [], today=given.now.date(), ledger_since=since)
    still_holds(loaded, woken, given.catalogue.version)
    asleep = {one.key: loaded.world.installations[one.key].presence for one in woken}
    due_at = {key: at for key, presence in asleep.items() if (at := saving.tick_at(presence)) is not None}
    # What was due first is fired first. When they were to be woken does not tell: pings put off what is armed.
    due = sorted(
        (one for one in woken if one.key in due_at and due_at[one.key] <= given.now),
        key=lambda one: (due_at[one.key], one.key),
    )
    statements = _fire(connection, given, loaded.world, due) if due else []
    for one in due:
        del asleep[one.key]
    # Pings have put off the timers of the others since they were armed.
    finish(connection, [*statements, *([saving.rearm(asleep)] if asleep else [])])
    return len(woken)


def _fire(connection: Connection, given: Given, world: World, due: Sequence[Presented]) -> list[Statement]:
    causes = [_cause(one, world, given) for one in due]
    followed, fired = follow(given.catalogue, world, causes, given.now)
    told, memories = settle(given, world, followed, TallyLocks(connection), CodeTaker(connection, given.now))
    presences = {one.key: fired.get(one.key, world.installations[one.key].presence) for one in due}
    version = given.catalogue.version
    ticks = [(one.customer_key, _body(cause, version)) for one, cause in zip(due, causes, strict=True)]
    places = {one.key: (presences[one.key], place) for place, one in enumerate(due)}
    evidence = [presences[one.key].ping for one in due]
    logged = saving.save_ticks(ticks, places, now=given.now)
    return [logged, *save_results(given, told, memories, evidence)]


def _cause(one: Presented, world: World, given: Given) -> Tick:
    """Until when, on the phone's clock: its reports arrive behind it, and so do its timers."""
    return Tick(one.key, given.now - world.installations[one.key].presence.lag, given.seed())


def _body(cause: Tick, version: int) -> dict[str, object]:
    fired = {"installation": cause.installation_key, "until_at": cause.until_at, "seed": cause.seed}
    return fired | {"version": version}
