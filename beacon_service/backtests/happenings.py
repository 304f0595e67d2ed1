"""What changes a customer beside pings and timers, as the service itself applies it: by the kinds of `changes`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from beacon_service.backtests.counting import SharedCounts
from beacon_service.backtests.history import Changed
from beacon_service.backtests.people import People
from beacon_service.campaigns.ledger import IMPLIED, Outcome
from beacon_service.customers.events import merged_events, with_events
from beacon_service.engine import Catalogue
from beacon_service.identity.merge import merged_attributes, merged_memory, with_stays, without_stays
from beacon_service.visits.model import Presence


@dataclass(frozen=True, slots=True)
class Affairs:
    """What a change may touch."""

    people: People
    counts: SharedCounts
    catalogue: Catalogue


Happening: TypeAlias = Callable[[Affairs, Changed], None]


def happen(affairs: Affairs, change: Changed) -> None:
    """Apply it. Of whoever was erased nothing is known, and nothing happens, whatever the log still says."""
    if change.customer_key in affairs.people.customers and (change.body or change.kind == "erase"):
        HAPPENINGS[change.kind](affairs, change)


def _attributes(affairs: Affairs, change: Changed) -> None:
    _customer(affairs, change, attributes=change.body["attributes"])


def _consent(affairs: Affairs, change: Changed) -> None:
    _customer(affairs, change, marketing=change.body["granted"])


def _location_consent(affairs: Affairs, change: Changed) -> None:
    phone = affairs.people.phone(change.body["installation"], change.customer_key)
    affairs.people.hand(replace(phone, location=change.body["granted"]))
    affairs.people.settle_location(change.customer_key)


def _phone_model(affairs: Affairs, change: Changed) -> None:
    phone = affairs.people.phone(change.body["installation"], change.customer_key)
    affairs.people.hand(replace(phone, model=change.body["model"]))


def _phone_settings(affairs: Affairs, change: Changed) -> None:
    said, phone = change.body, affairs.people.phone(change.body["installation"], change.customer_key)
    affairs.people.hand(replace(phone, locale=said["locale"], time_zone=said["time_zone"]))


def _event(affairs: Affairs, change: Changed) -> None:
    happened = [(one["type"], datetime.fromisoformat(one["at"])) for one in change.body["events"]]
    events = affairs.people.customers[change.customer_key].events
    _customer(affairs, change, events=with_events(events, happened, change.now))


def _list(affairs: Affairs, change: Changed) -> None:
    lists = set(affairs.people.customers[change.customer_key].lists)
    (lists.add if change.body["member"] else lists.discard)(change.body["list"])
    _customer(affairs, change, lists=tuple(sorted(lists)))


def _outcome(affairs: Affairs, change: Changed) -> None:
    for one in change.body["outcomes"]:
        bits = IMPLIED[Outcome.named(one["type"])]
        affairs.people.became(change.customer_key, UUID(one["decision_id"]), affairs.counts, bits=bits)


def _release(affairs: Affairs, change: Changed) -> None:
    for decision_id, campaign in change.body["grants"]:
        affairs.people.became(change.customer_key, UUID(decision_id), affairs.counts, closed=campaign)


def _identify(affairs: Affairs, change: Changed) -> None:
    """Logged with both customers, and applied to each by their own entry: the other may have been erased since."""
    said, people = change.body, affairs.people
    is_known = said["installation"] in people.installations
    phone = people.phone(said["installation"], said["from"])
    if not is_known and "phone" in said:
        about = said["phone"]
        phone = replace(phone, **(about | {"presence": msgspec.convert(about["presence"], Presence)}))
    customer, memory = change.customer_key, people.memories[change.customer_key]
    if customer == said["to"]:
        people.memories[customer] = with_stays(memory, phone.presence)
    else:
        people.memories[customer] = without_stays(memory, phone.presence, affairs.catalogue.places.sensitive)
    people.hand(replace(phone, customer_key=said["to"]))
    people.settle_location(customer)


def _merge(affairs: Affairs, change: Changed) -> None:
    """Logged with both: it happens to the one that goes on."""
    said, people = change.body, affairs.people
    if "from" not in said:
        return
    origin, target = people.customers[said["from"]], people.customers[said["to"]]
    events = merged_events(target.events, origin.events, change.now) if origin.events else target.events
    people.customers[target.key] = replace(
        target,
        attributes=merged_attributes(target.attributes, origin.attributes),
        marketing=said["marketing"],
        events=events,
        lists=tuple(sorted({*target.lists, *origin.lists})),
    )
    people.memories[target.key] = merged_memory(people.memories[target.key], people.memories[origin.key])
    people.ledgers[target.key] += people.ledgers[origin.key]
    for phone in people.phones(origin.key):
        people.hand(replace(phone, customer_key=target.key))
    people.forget(origin.key)
    people.merged[origin.key] = target.key
    people.settle_location(target.key)


def _erase(affairs: Affairs, change: Changed) -> None:
    affairs.people.forget(change.customer_key)


def _customer(affairs: Affairs, change: Changed, **fields: object) -> None:
    customers = affairs.people.customers
    customers[change.customer_key] = replace(customers[change.customer_key], **fields)


HAPPENINGS: Mapping[str, Happening] = MappingProxyType(
    {
        "attributes": _attributes,
        "consent": _consent,
        "location_consent": _location_consent,
        "phone_model": _phone_model,
        "phone_settings": _phone_settings,
        "event": _event,
        "list": _list,
        "outcome": _outcome,
        "release": _release,
        "identify": _identify,
        "merge": _merge,
        "erase": _erase,
    }
)
