"""Who an installation belongs to, all that is known of a person, and its end."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from beacon_service.customers import events_store
from beacon_service.customers import service as customers
from beacon_service.customers import store as customer_store
from beacon_service.customers.events import merged_events
from beacon_service.customers.records import ERASED, Change, reserved
from beacon_service.errors import Invalid, NotFound, ServiceUnavailable, fault
from beacon_service.identity import store
from beacon_service.identity.merge import (
    merged_attributes,
    merged_memory,
    stricter,
    with_stays,
    without_stays,
)

if TYPE_CHECKING:
    from datetime import datetime

    from beacon_service.customers.records import CustomerRecord, InstallationRecord
    from beacon_service.db import Connection


@dataclass(frozen=True, slots=True)
class Identified:
    customer_id: str
    merged: bool  # the anonymous customer became part of this one


def identify(connection: Connection, installation_id: str, customer_id: str, now: datetime) -> Identified:
    """The installation is that customer's from now on; made if there is none of that id.

    An anonymous customer is merged into it, history and caps included; from another named one only the
    installation goes over. Repeating it changes nothing.
    """
    if reserved(customer_id):
        raise Invalid(
            "Ids that begin with anon- or erased- are given out by the service.",
            errors=[fault("/customer_id", "begins with anon- or erased-", "send the brand's own id")],
        )
    installation, origin, target = _lock_both(connection, installation_id, customer_id, now)
    if origin.key == target.key:
        return Identified(customer_id, merged=False)
    if origin.anonymous:
        _merge(connection, installation, origin, target, now)
    else:
        _move(connection, installation, origin, target, now)
    return Identified(customer_id, merged=origin.anonymous)


def _lock_both(
    connection: Connection, installation_id: str, customer_id: str, now: datetime
) -> tuple[InstallationRecord, CustomerRecord, CustomerRecord]:
    """The installation, whose it is and whose it shall be: both locked in key order, read under the locks."""
    with customers.savepoint(connection) as undo:
        for _ in range(customers.ATTEMPTS):
            # A new row's key is the highest there is and nobody else can see it: the order holds.
            customer_store.add_customer(connection, customer_id, anonymous=False, now=now)
            target = customer_store.find_customer(connection, customer_id)
            seen = customer_store.find_installation(connection, installation_id)
            if seen is None:
                raise NotFound(f"There is no installation {installation_id}.")
            if target is not None:
                locked = customer_store.lock_customers(connection, {seen.customer_key, target.key})
                installation = customer_store.find_installation(connection, installation_id)
                origin = locked.get(seen.customer_key)
                held = locked.get(target.key)
                if (
                    installation
                    and origin
                    and held
                    and held.id == customer_id
                    and installation.customer_key == origin.key
                ):
                    return installation, origin, held
            undo()
    raise ServiceUnavailable("The installation is changing hands just now.")


def _merge(
    connection: Connection,
    installation: InstallationRecord,
    origin: CustomerRecord,
    target: CustomerRecord,
    now: datetime,
) -> None:
    memories = store.memories(connection, [origin.key, target.key])
    asked = store.asked_for_marketing(connection, [origin.key, target.key])
    marketing = stricter(
        target.marketing if target.key in asked else None, origin.marketing if origin.key in asked else None
    )
    attributes = merged_attributes(target.attributes, origin.attributes)
    store.save_memory(connection, target.key, merged_memory(memories[target.key], memories[origin.key]))
    events = events_store.summaries(connection, [origin.key, target.key])
    if events[origin.key]:
        both_did = merged_events(events[target.key], events[origin.key], now)
        events_store.save_summary(connection, target.key, both_did)
    store.unite_lists(connection, origin.key, target.key)
    store.unite_seen(connection, origin.key, target.key)
    if (attributes, marketing) != (target.attributes, target.marketing):
        customer_store.update_customer(connection, target.key, attributes=attributes, marketing=marketing)
    # `from` stands with the one that goes on: whoever looks for all of a person reads it there. The id and what
    # became of the consent stand nowhere else, and a replay has to come to the same.
    both = {
        "from": origin.key,
        "from_id": origin.id,
        "to": target.key,
        "installation": installation.key,
        "marketing": marketing,
    }
    changes = [Change(origin.key, "merge", {"to": target.key}), Change(target.key, "merge", both)]
    customer_store.append_changes(connection, changes, now)
    store.hand_over(connection, origin.key, target.key)
    customer_store.settle_location(connection, [target.key])


def _move(
    connection: Connection,
    installation: InstallationRecord,
    origin: CustomerRecord,
    target: CustomerRecord,
    now: datetime,
) -> None:
    memories = store.memories(connection, [origin.key, target.key])
    presence = store.presence(connection, installation.key)
    sensitive = store.sensitive_zones(connection)
    store.save_memory(connection, origin.key, without_stays(memories[origin.key], presence, sensitive))
    store.save_memory(connection, target.key, with_stays(memories[target.key], presence))
    store.unite_seen(connection, origin.key, target.key)
    # What waits on the phone is the former customer's: it must be said neither to the one nor of the other.
    customer_store.end_waiting(connection, installation.key)
    store.move_installation(connection, installation.key, target.key)
    customer_store.settle_location(connection, [origin.key, target.key])
    body = {"from": origin.key, "to": target.key, "installation": installation.key}
    # What is known of the phone was logged with its former customer, who may be erased one day.
    phone = {name: getattr(installation, name) for name in ("location", "model", "locale", "time_zone")}
    received = body | {"phone": phone | {"presence": msgspec.to_builtins(presence)}}
    changes = [Change(origin.key, "identify", body), Change(target.key, "identify", received)]
    customer_store.append_changes(connection, changes, now)


def export(connection: Connection, customer_id: str) -> dict[str, Any]:
    """Everything about the person, by kind."""
    customer = customers.customer(connection, customer_id)
    found: dict[str, Any] = store.export(connection, store.everything_of(connection, customer.key))
    return {**found, "customer": found["customer"][0]}


def erase(connection: Connection, customer_id: str, now: datetime) -> None:
    """Forget the person: what remains is the ledger, under a name that leads nowhere."""
    with customers.savepoint(connection) as undo:
        for _ in range(customers.ATTEMPTS):
            seen = customers.customer(connection, customer_id)
            locked = customer_store.lock_customers(connection, [seen.key]).get(seen.key)
            if locked and locked.id == customer_id:
                break
            undo()
        else:
            raise ServiceUnavailable("The customer is changing just now.")
    whose = store.everything_of(connection, locked.key)
    customer_store.append_changes(connection, [Change(locked.key, "erase", {})], now)
    store.erase(connection, whose, pseudonym=f"{ERASED}{secrets.token_hex(16)}", now=now)
