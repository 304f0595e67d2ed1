"""Backtests are asked for, cancelled and deleted. The caller commits."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from beacon_service.backtests import store
from beacon_service.backtests.documents import document
from beacon_service.backtests.model import Asked, Instead
from beacon_service.backtests.requests import MOST_AT_ONCE, By, Request, State
from beacon_service.backtests.schema import BacktestIn, ChangeIn
from beacon_service.backtests.store import KnownCampaign
from beacon_service.configuration.schema import Flaw, refuse_document
from beacon_service.db import Connection
from beacon_service.errors import Conflict, NotFound
from beacon_service.positioning import map_store
from beacon_service.positioning.surveys import MapKey


def ask(connection: Connection, body: BacktestIn, by: By) -> State:
    """Queue a backtest. Invalid where there are no such records or documents, Conflict where enough are queued."""
    named = {change.key for change in body.changes if change.kind == "campaign"}
    known = store.campaigns(connection, named.union(body.drafts))
    maps = _maps(connection, body)
    refuse_document(
        [*_range_flaws(body, by), *_draft_flaws(body, known), *_map_flaws(body, maps)],
        "This cannot be backtested.",
    )
    changed = [Instead(one.kind, one.key, _as_kept(one, body, known, maps)) for one in body.changes]
    drafts = [Instead("campaign", key, _published(known[key])) for key in body.drafts]
    asked = Asked(body.since, body.until, (*changed, *drafts), body.anew)
    if store.waiting(connection) >= MOST_AT_ONCE:
        raise Conflict(
            f"{MOST_AT_ONCE} backtests are queued or running already. Wait for one of them, or cancel one."
        )
    store.add(connection, Request(asked, tuple(body.drafts)), by)
    return find(connection, by.id)


def find(connection: Connection, id_: UUID) -> State:
    found = store.find(connection, id_)
    if found is None:
        raise NotFound(f"There is no backtest {id_}.")
    return found


def cancel(connection: Connection, id_: UUID, at: datetime) -> State:
    """Conflict where it has ended by itself; one that was cancelled is still so."""
    store.cancel(connection, id_, at)
    found = find(connection, id_)
    if found.status != "cancelled":
        raise Conflict(f"The backtest is {found.status} already.")
    return found


def delete(connection: Connection, id_: UUID) -> None:
    find(connection, id_)
    if not store.delete(connection, id_):
        raise Conflict("The backtest is running. Cancel it first.")


def _range_flaws(body: BacktestIn, by: By) -> Iterator[Flaw]:
    if body.until > by.at:
        now = f"{by.at:%Y-%m-%dT%H:%M:%SZ}"
        yield Flaw(("to",), "is in the future: nothing is recorded of it", f"Send {now} or earlier.")
    if body.since < by.first_kept_at:
        first = f"{by.first_kept_at:%Y-%m-%dT%H:%M:%SZ}"
        yield Flaw(("from",), "is before what is kept (BEACON_RETENTION_DAYS)", f"Send {first} or later.")


def _draft_flaws(body: BacktestIn, known: Mapping[str, KnownCampaign]) -> Iterator[Flaw]:
    for number, campaign in enumerate(body.drafts):
        if campaign not in known or known[campaign].body is None:
            what = f"names the campaign {campaign}, which there is not"
            yield Flaw(("drafts", number), what, "PUT it first, or send it among the changes.")


def _maps(connection: Connection, body: BacktestIn) -> Mapping[MapKey, str]:
    """The digests of the radio maps that are asked for and can be used."""
    asked = [
        MapKey(one.key, one.body.number)
        for one in body.changes
        if one.kind == "radio_map" and one.body is not None
    ]
    found = {key: map_store.state(connection, key) for key in asked}
    return {
        key: state.sha256
        for key, state in found.items()
        if state is not None and state.status == "ready" and state.sha256 is not None
    }


def _map_flaws(body: BacktestIn, maps: Mapping[MapKey, str]) -> Iterator[Flaw]:
    for number, one in enumerate(body.changes):
        if one.kind == "radio_map" and one.body and MapKey(one.key, one.body.number) not in maps:
            what = f"is {one.body.number}, and the site {one.key} has no such map that is ready"
            yield Flaw(
                ("changes", number, "body", "number"), what, f"See GET /v1/sites/{one.key}/radio-maps."
            )


def _as_kept(
    change: ChangeIn, body: BacktestIn, known: Mapping[str, KnownCampaign], maps: Mapping[MapKey, str]
) -> dict[str, Any] | None:
    """What the PUT would keep, with what the service adds to it."""
    if change.body is None:
        return None
    kept = document(change.kind, change.key, change.body)
    if change.kind == "campaign":
        return kept | {"revision": _revision(known.get(change.key), kept)}
    if change.kind == "radio_map":
        return kept | {"sha256": maps[MapKey(change.key, kept["number"])]}
    if change.kind == "stock":
        # Counted at the end of the range, a count is never too old for it.
        return kept | {"at": (change.body.at or body.until).isoformat()}
    return kept


def _published(campaign: KnownCampaign) -> dict[str, Any]:
    assert campaign.body is not None, "a draft that is not there was refused"
    body = dict(campaign.body) | {"status": "published"}
    return body | {"revision": _revision(campaign, body)}


def _revision(known: KnownCampaign | None, body: Mapping[str, Any]) -> int:
    """That of the campaign as it is, where it says the same or is still a draft; otherwise the next."""
    if known is None:
        return 1
    before = known.body
    if before is not None and (
        before["status"] == "draft" or {**before, "revision": None} == {**body, "revision": None}
    ):
        return known.revision
    return known.revision + 1
