"""The worker's look at moments that wait: those that are due are decided, as if they came about now.

Any worker may look, several at once: each takes customers that nobody holds, and a moment's row is gone in the same
transaction that keeps its decision.
"""

from beacon_service.db import Connection, finish
from beacon_service.engine import Due, Followed, Given, settle
from beacon_service.pings import loading, saving, waiting_store
from beacon_service.pings.hand_out import CodeTaker
from beacon_service.pings.records import still_holds
from beacon_service.pings.results import save_results
from beacon_service.pings.tallies import TallyLocks

# As many moments as one transaction may hold customers locked for without making pings wait noticeably.
MOST = 200


def decide_due(connection: Connection, given: Given, only: int | None = None) -> int:
    """Decide what is due at `given.now`, of that customer alone if one is named; how many moments, at most `MOST`."""
    due = waiting_store.lock(connection, now=given.now, most=MOST, only=only)
    if not due:
        return 0
    phones = {phone.key: phone for phone, _ in due}
    since = given.catalogue.ledger_since(given.now)
    loaded = loading.load(connection, phones.values(), [], today=given.now.date(), ledger_since=since)
    still_holds(loaded, phones.values(), given.catalogue.version)
    causes = [Due(phone.key, waiting, given.seed()) for phone, waiting in due]
    followed = [Followed(cause, "accepted") for cause in causes]
    locks = TallyLocks(connection), CodeTaker(connection, given.now)
    told, memories = settle(given, loaded.world, followed, *locks)
    version = given.catalogue.version
    ticks = [
        (phone.customer_key, _body(cause, version)) for (phone, _), cause in zip(due, causes, strict=True)
    ]
    saved = save_results(given, told, memories, [None] * len(due))
    over = waiting_store.end([waiting for _, waiting in due])
    finish(connection, [saving.save_ticks(ticks, {}, now=given.now), *saved, over])
    return len(due)


def _body(cause: Due, version: int) -> dict[str, object]:
    decided = {"installation": cause.installation_key, "waited": cause.waiting, "seed": cause.seed}
    return decided | {"version": version}
