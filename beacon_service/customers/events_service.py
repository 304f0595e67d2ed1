"""Taking what customers did elsewhere: a verdict for each, the summary kept under the customer's lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from uuid_utils import uuid7

from beacon_service.customers import events_store as store
from beacon_service.customers.events import MOST_TYPES, with_events
from beacon_service.customers.records import Change
from beacon_service.customers.service import lock_named
from beacon_service.customers.store import append_changes
from beacon_service.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from beacon_service.customers.events import Events, Happened
    from beacon_service.db import Connection

Reason = Literal["id_reused", "too_new", "too_many_types", "unknown_decision"]

# As for pings: a till's clock may run ahead a little, and what has not happened yet did not happen.
MOST_AHEAD = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Verdict:
    event_id: str
    status: Literal["accepted", "duplicate", "rejected"]
    reason: Reason | None = None


def record(
    connection: Connection, customer_id: str, reported: Sequence[Happened], now: datetime
) -> list[Verdict]:
    """Keep the events of the customer, who is made if there is none of that id; a verdict for each, in order."""
    customer, _ = lock_named(connection, customer_id, now=now)
    events = [(event.event_id or str(uuid7()), event) for event in reported]
    named = {event.decision_id for event in reported if event.decision_id is not None}
    before = store.summaries(connection, [customer.key])[customer.key]
    judge = _Judge(
        customer_key=customer.key,
        now=now,
        known=store.known(connection, [event_id for event_id, _ in events]),
        decisions=store.own_decisions(connection, customer.key, named) if named else frozenset(),
        types=set(before),
    )
    verdicts = [judge.verdict(event_id, event) for event_id, event in events]
    news = [pair for pair, verdict in zip(events, verdicts, strict=True) if verdict.status == "accepted"]
    if news:
        _keep(connection, customer.key, before, news, now)
    return verdicts


@dataclass(slots=True)
class _Judge:
    """What is known, and what this request has added to it."""

    customer_key: int
    now: datetime
    known: dict[str, store.Known]
    decisions: Collection[UUID]
    types: set[str]

    def verdict(self, event_id: str, event: Happened) -> Verdict:
        told = store.Known(self.customer_key, event.type, event.at)
        if event_id in self.known:
            same = self.known[event_id] == told
            return Verdict(event_id, "duplicate") if same else Verdict(event_id, "rejected", "id_reused")
        if event.at > self.now + MOST_AHEAD:
            return Verdict(event_id, "rejected", "too_new")
        if event.decision_id is not None and event.decision_id not in self.decisions:
            return Verdict(event_id, "rejected", "unknown_decision")
        if event.type not in self.types and len(self.types) >= MOST_TYPES:
            return Verdict(event_id, "rejected", "too_many_types")
        self.types.add(event.type)
        self.known[event_id] = told
        return Verdict(event_id, "accepted")


def _keep(
    connection: Connection,
    customer_key: int,
    before: Events,
    news: Sequence[tuple[str, Happened]],
    now: datetime,
) -> None:
    after = with_events(before, [(event.type, event.at) for _, event in news], now)
    store.save_summary(connection, customer_key, after)
    said = {"events": [_written(event_id, event) for event_id, event in news]}
    seq = append_changes(connection, [Change(customer_key, "event", said)], now)
    if store.add(connection, customer_key, news, seq=seq, now=now) != len(news):
        # Somebody reported the same id for another customer at the same moment: next time it is known.
        raise ServiceUnavailable("An event of the same id is just being reported; send it again.")


def _written(event_id: str, event: Happened) -> Mapping[str, str]:
    return {"event_id": event_id, "type": event.type, "at": event.at.isoformat()}
