"""What a brand and its apps do with customers and installations.

Services never commit; whatever they lock stays locked until the edge ends the transaction.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from beacon_service.auth.model import new_token
from beacon_service.customers import store
from beacon_service.customers.records import ANONYMOUS, Act, Change, Consent, is_id, reserved
from beacon_service.db import Statement, round_trip
from beacon_service.errors import Invalid, NotFound, ServiceUnavailable, fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from beacon_service.customers.records import (
        ConsentKind,
        Consents,
        CustomerRecord,
        InstallationRecord,
        Profile,
        Registration,
    )
    from beacon_service.db import Connection

# A row that moves to another customer while we wait for its old one is looked up again; five times in a row
# would take five people logging in on one phone within milliseconds.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Registered:
    created: bool
    customer_id: str
    token: str | None  # in plain text, only where it was just issued


def check_id(given: str, where: str) -> None:
    """Raises Invalid unless it can be a name that a brand gives."""
    if not is_id(given):
        what, do = "is not an id", "Use 1 to 64 letters, digits, dots, underscores, colons or hyphens."
        raise Invalid(f"The {where} in the address {what}.", errors=[fault(where, what, do)])


@contextmanager
def savepoint(connection: Connection) -> Iterator[Callable[[], None]]:
    """Lend a function that undoes all since here, locks included: so one begins anew without a deadlock."""
    round_trip(connection, [Statement("SAVEPOINT attempt")])
    yield lambda: _undo(connection)
    round_trip(connection, [Statement("RELEASE SAVEPOINT attempt")])


def _undo(connection: Connection) -> None:
    round_trip(connection, [Statement("ROLLBACK TO SAVEPOINT attempt")])


def lock_installation(
    connection: Connection, installation_id: str
) -> tuple[InstallationRecord, CustomerRecord] | None:
    """The installation and its customer, the customer's row locked; None if nobody registered it.

    The installation may move to another customer while we wait for the lock, so it is read again under it.
    """
    with savepoint(connection) as undo:
        for _ in range(ATTEMPTS):
            seen = store.find_installation(connection, installation_id)
            if seen is None:
                return None
            customer = store.lock_customers(connection, [seen.customer_key]).get(seen.customer_key)
            installation = store.find_installation(connection, installation_id)
            if installation and customer and installation.customer_key == customer.key:
                return installation, customer
            undo()
    raise ServiceUnavailable("The installation is changing hands just now.")


def register(
    connection: Connection, installation_id: str, asked: Registration, now: datetime
) -> Registered | None:
    """A new installation of a new anonymous customer; None if the id is taken.

    Undone as a whole where somebody else registers the same id at the same moment.
    """
    if store.find_installation(connection, installation_id) is not None:
        return None
    token, token_hash = new_token()
    customer_id = f"{ANONYMOUS}{uuid7()}"
    with savepoint(connection) as undo:
        store.add_customer(connection, customer_id, anonymous=True, now=now)
        installation = store.add_installation(connection, installation_id, customer_id, token_hash, now)
        if installation is None:
            undo()
            return None
    customer = store.lock_customers(connection, [installation.customer_key])[installation.customer_key]
    # Silence on location is a no, and stated as one.
    said = replace(asked.consents, location=bool(asked.consents.location))
    act = Act(f"installation:{installation_id}", now)
    _write(connection, installation, customer, replace(asked, consents=said), act)
    return Registered(created=True, customer_id=customer_id, token=token)


def update(
    connection: Connection,
    installation_id: str,
    asked: Registration,
    act: Act,
    check: Callable[[InstallationRecord], None],
) -> Registered:
    """New details and consents of a known installation, and on request a new token.

    `check` raises unless the caller may speak for it.
    """
    found = lock_installation(connection, installation_id)
    if found is None:
        raise NotFound(f"There is no installation {installation_id}.")
    installation, customer = found
    check(installation)
    _write(connection, installation, customer, asked, act)
    if not asked.rotate_token:
        return Registered(created=False, customer_id=customer.id, token=None)
    token, token_hash = new_token()
    store.replace_token(connection, installation.key, token_hash)
    return Registered(created=False, customer_id=customer.id, token=token)


def revoke(connection: Connection, installation_id: str, now: datetime) -> None:
    """The installation's token is good for nothing from now on; a new one can be issued with a secret key."""
    installation = store.find_installation(connection, installation_id)
    if installation is None:
        raise NotFound(f"There is no installation {installation_id}.")
    store.revoke_token(connection, installation.key, now)
    store.end_waiting(connection, installation.key)


def _write(
    connection: Connection,
    installation: InstallationRecord,
    customer: CustomerRecord,
    asked: Registration,
    act: Act,
) -> None:
    said = asked.consents
    location = installation.location if said.location is None else said.location
    store.update_installation(connection, installation.key, asked.details, location=location)
    if location != installation.location:
        store.settle_location(connection, [customer.key])
        if not location:
            store.end_waiting(connection, installation.key, located=True)
    changes = record_consents(connection, customer, installation, said, act)
    if asked.details.model != installation.model:  # levels are read by it
        told = {"installation": installation.key, "model": asked.details.model}
        changes.append(Change(customer.key, "phone_model", told))
    settings = {"locale": asked.details.locale, "time_zone": asked.details.time_zone}
    if settings != {"locale": installation.locale, "time_zone": installation.time_zone}:  # offers follow them
        changes.append(Change(customer.key, "phone_settings", {"installation": installation.key, **settings}))
    if said.marketing is not None and said.marketing != customer.marketing:
        store.update_customer(
            connection, customer.key, attributes=customer.attributes, marketing=said.marketing
        )
    if changes:
        store.append_changes(connection, changes, act.now)


def record_consents(
    connection: Connection,
    customer: CustomerRecord,
    installation: InstallationRecord | None,
    said: Consents,
    act: Act,
) -> list[Change]:
    """Keep what is new in the statements, or given for another wording; answer the changes to be logged."""
    installation_key = installation.key if installation is not None else None
    latest = store.latest_consents(connection, customer.key, installation_key)
    held = {"marketing": customer.marketing, "location": installation.location if installation else None}
    stated: list[tuple[ConsentKind, bool | None]] = [
        ("location", said.location),
        ("marketing", said.marketing),
    ]
    news = [
        Consent(customer.key, installation_key, kind, granted, said.wording)
        for kind, granted in stated
        if granted is not None
        # After a merge consent may be stricter than what this customer last stated, and a phone that was another's
        # meanwhile may be as they wanted it.
        and (latest.get(kind) != (granted, said.wording) or held[kind] not in {granted, None})
    ]
    store.append_consents(connection, news, act)
    return [_change_of(consent) for consent in news]


def _change_of(consent: Consent) -> Change:
    said = {"granted": consent.granted, "wording": consent.wording, "installation": consent.installation_key}
    return Change(
        consent.customer_key, "consent" if consent.kind == "marketing" else "location_consent", said
    )


def put_customer(
    connection: Connection,
    customer_id: str,
    asked: Profile,
    act: Act,
    check: Callable[[CustomerRecord | None], None],
) -> tuple[CustomerRecord, bool]:
    """Create the customer or replace the attributes; answer it and whether it is new.

    `check` is shown the customer as it stands under the lock (None: there is none), and raises if the request
    was made for another state.
    """
    customer, created = lock_named(connection, customer_id, now=act.now)
    check(None if created else customer)
    attributes, said = asked.attributes, asked.consents
    changes = record_consents(connection, customer, None, said, act)
    if created or attributes != customer.attributes:
        changes.append(Change(customer.key, "attributes", {"attributes": attributes}))
    marketing = customer.marketing if said.marketing is None else said.marketing
    if changes:
        version = store.update_customer(connection, customer.key, attributes=attributes, marketing=marketing)
        store.append_changes(connection, changes, act.now)
        customer = replace(customer, attributes=attributes, marketing=marketing, version=version)
    return customer, created


def lock_named(connection: Connection, customer_id: str, *, now: datetime) -> tuple[CustomerRecord, bool]:
    """The customer of that id, locked, made if there is none; and whether it was made."""
    with savepoint(connection) as undo:
        for _ in range(ATTEMPTS):
            created = not reserved(customer_id) and store.add_customer(
                connection, customer_id, anonymous=False, now=now
            )
            seen = store.find_customer(connection, customer_id)
            if seen is None and reserved(customer_id):
                raise Invalid(
                    "Ids that begin with anon- or erased- are given out by the service.",
                    errors=[fault("customer_id", "begins with anon- or erased-", "choose another id")],
                )
            locked = store.lock_customers(connection, [seen.key]).get(seen.key) if seen else None
            if locked and locked.id == customer_id:
                return locked, created
            undo()
    raise ServiceUnavailable("The customer is changing just now.")


def customer(connection: Connection, customer_id: str) -> CustomerRecord:
    found = store.find_customer(connection, customer_id)
    if found is None:
        raise NotFound(f"There is no customer {customer_id}.")
    return found
