"""The worker's tick: fires the timers that no ping came to fire - dwell thresholds, held exits, silence.

Any worker may tick, several at once: each takes customers that nobody holds, and reads again under the lock.
"""

from beacon_service.db import Connection, finish
from beacon_service.engine import Tick, World, follow
from beacon_service.pings import store
from beacon_service.pings.records import Presented, still_holds
from beacon_service.pings.settle import Given, save_results, settle

# As many installations as one transaction may hold locked without making pings wait noticeably.
MOST = 200


def tick(connection: Connection, given: Given) -> int:
    """Fire what is due at `given.now`; answers how many installations were looked at, at most `MOST`."""
    due = store.lock_due(connection, now=given.now, most=MOST)
    if not due:
        return 0
    since = given.catalogue.ledger_since(given.now)
    loaded = store.load(connection, due, [], today=given.now.date(), ledger_since=since)
    still_holds(loaded, due, given.catalogue.version)
    causes = [_cause(one, loaded.world, given) for one in due]
    followed, fired = follow(given.catalogue, loaded.world, causes, given.now)
    told, memories = settle(given, loaded.world, followed, store.TallyLocks(connection))
    # Written for all that were due, fired or not: whoever was woken too early is armed anew.
    presences = {one.key: fired.get(one.key, loaded.world.installations[one.key].presence) for one in due}
    ticks = [(one.customer_key, _body(cause)) for one, cause in zip(due, causes, strict=True)]
    places = {one.key: (presences[one.key], place) for place, one in enumerate(due)}
    evidence = [presences[one.key].ping for one in due]
    logged = store.save_ticks(ticks, places, now=given.now)
    finish(connection, [logged, *save_results(given, told, memories, evidence)])
    return len(due)


def _cause(one: Presented, world: World, given: Given) -> Tick:
    """Until when, on the phone's clock: its reports arrive behind it, and so do its timers."""
    return Tick(one.key, given.now - world.installations[one.key].presence.lag, given.seed())


def _body(cause: Tick) -> dict[str, object]:
    return {"installation": cause.installation_key, "until_at": cause.until_at, "seed": cause.seed}
