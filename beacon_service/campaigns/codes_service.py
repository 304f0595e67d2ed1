"""Pools of codes: made, filled, counted and closed. The caller commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beacon_service.campaigns import codes_store as store
from beacon_service.campaigns.codes_schema import MOST_NAMED
from beacon_service.configuration import service as configuration
from beacon_service.configuration.schema import Flaw
from beacon_service.configuration.shelf import documents_holding
from beacon_service.configuration.store import lock
from beacon_service.errors import Conflict, Invalid, fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beacon_service.campaigns.codes_store import PoolCounts
    from beacon_service.configuration.model import Body, Edit, Saved
    from beacon_service.configuration.store import Session
    from beacon_service.db import Connection


def put_pool(session: Session, connection: Connection, pool: str, body: Body, edit: Edit) -> Saved:
    """Create or rename a pool. `connection` is the session's own."""
    lock(session)
    saved = configuration.put(session, store.CODE_POOLS, pool, body, edit)
    store.open_pool(connection, pool)
    return saved


def delete_pool(session: Session, connection: Connection, pool: str, edit: Edit) -> None:
    """Close a pool: what is left of it is forgotten, what was given out can still be redeemed.

    Conflict while a campaign that is or may go live takes its codes from it.
    """
    lock(session)
    holders = documents_holding(session, "campaign", {"offers": [{"codes": {"pool": pool}}]})
    live = [name for name, body in holders.items() if body["status"] not in {"ended", "archived"}]
    if live:
        raise Conflict(f"These campaigns take their codes from {pool}: {', '.join(live)}. End them first.")
    configuration.delete(session, store.CODE_POOLS, pool, edit)
    store.close_pool(connection, pool)


def add_codes(session: Session, connection: Connection, pool: str, codes: Sequence[str]) -> PoolCounts:
    """Add all of the codes to the pool. Invalid, and then none, where one is a code already, here or elsewhere."""
    configuration.require(session, store.CODE_POOLS, pool)
    known = store.add(connection, pool, codes)
    if known:
        places = [number for number, code in enumerate(codes) if code in known]
        raise Invalid(
            f"{len(places)} of the codes exist already; none was added.",
            errors=[
                fault(f"/codes/{number}", _where(known[codes[number]], pool), "Leave it out.")
                for number in places[:MOST_NAMED]
            ],
        )
    return store.counts(connection, pool)


def counts(session: Session, connection: Connection, pool: str) -> PoolCounts:
    configuration.require(session, store.CODE_POOLS, pool)
    return store.counts(connection, pool)


def pool_flaws(session: Session, offers: Sequence[Body]) -> Iterator[Flaw]:
    """Pools that a campaign's offers name and that there are not."""
    for number, offer in enumerate(offers):
        pool = (offer.get("codes") or {}).get("pool")
        if pool is not None and not configuration.exists(session, store.CODE_POOLS, pool):
            what, do = f"names {pool}, which there is not", f"PUT /v1/code-pools/{pool} first."
            yield Flaw(("offers", number, "codes", "pool"), what, do)


def _where(found: str, pool: str) -> str:
    if found == pool:
        return "is in this pool already"
    return f"is in the pool {found}" if found else "was given out already"
