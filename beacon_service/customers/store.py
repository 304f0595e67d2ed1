"""Customers, installations, their consents and the log of what changed them, in SQL.

Whoever changes what a decision reads of a customer holds that customer's row (`lock_customers`) to the end of
the transaction and appends to `changes` (`append_changes`): every such change has its place in one order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from beacon_service.customers.records import CustomerRecord, InstallationRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from beacon_service.customers.records import Act, Change, Consent, ConsentKind, Details
    from beacon_service.db import Connection

# A draw of `step_seq` leaves this many numbers to the transaction.
MOST_CHANGES = 1000

CUSTOMER = "SELECT key, id, anonymous, attributes, marketing, version, created_at FROM customers"
_INSTALLATION = "key, id, customer_key, token_hash, location, revoked_at, model, locale, time_zone"
INSTALLATION = f"SELECT {_INSTALLATION} FROM installations"  # noqa: S608 - columns that are constant

ADD_INSTALLATION = f"""
INSERT INTO installations (id, customer_key, token_hash, platform, created_at)
SELECT %s, key, %s, '', %s FROM customers WHERE id = %s ON CONFLICT (id) DO NOTHING
RETURNING {_INSTALLATION}
"""  # noqa: S608 - columns that are constant

# To the phone that its customer was last given, as for what comes about now.
HAND_ON = """
UPDATE waiting SET installation_key = other.key FROM installations AS other
WHERE waiting.installation_key = %(phone)s AND coalesce(waiting.body #>> '{moment,site}', '') = ''
    AND other.key = (
        SELECT key FROM installations
        WHERE customer_key = waiting.customer_key AND key <> %(phone)s AND revoked_at IS NULL
        ORDER BY created_at DESC, key DESC LIMIT 1)
"""

APPEND_CHANGES = """
WITH step AS MATERIALIZED (SELECT nextval('step_seq') AS seq),
change AS (
    SELECT step.seq + place - 1 AS seq, customer_key, kind, body
    FROM step, unnest(%(keys)s::bigint[], %(kinds)s::text[], %(bodies)s::jsonb[])
        WITH ORDINALITY AS given (customer_key, kind, body, place)
),
logged AS (
    INSERT INTO changes (seq, customer_key, kind, now, body)
    SELECT seq, customer_key, kind, %(now)s, body FROM change
),
touched AS (
    UPDATE customers SET last_seq = newest.seq
    FROM (SELECT customer_key, max(seq) AS seq FROM change GROUP BY customer_key) AS newest
    WHERE key = newest.customer_key
)
SELECT seq FROM step
"""


def find_customer(connection: Connection, customer_id: str) -> CustomerRecord | None:
    """The customer of that id, unlocked; the erased ones cannot be found."""
    with connection.cursor(row_factory=class_row(CustomerRecord)) as cursor:
        return cursor.execute(f"{CUSTOMER} WHERE id = %s AND erased_at IS NULL", [customer_id]).fetchone()


def lock_customers(connection: Connection, keys: Iterable[int]) -> dict[int, CustomerRecord]:
    """The customers by key, each locked to the end of the transaction; those gone meanwhile are missing.

    Locked in key order, as everywhere, so that two who want the same ones never wait for each other.
    """
    with connection.cursor(row_factory=class_row(CustomerRecord)) as cursor:
        cursor.execute(f"{CUSTOMER} WHERE key = ANY(%s) ORDER BY key FOR UPDATE", [list(keys)])
        return {customer.key: customer for customer in cursor}


def add_customer(connection: Connection, customer_id: str, *, anonymous: bool, now: datetime) -> bool:
    """Create the customer unless there is one of that id; waits for whoever is just creating it."""
    added = connection.execute(
        "INSERT INTO customers (id, anonymous, created_at) VALUES (%s, %s, %s) ON CONFLICT (id) DO NOTHING",
        [customer_id, anonymous, now],
    )
    return added.rowcount == 1


def page_customers(connection: Connection, *, after: str, limit: int) -> list[CustomerRecord]:
    with connection.cursor(row_factory=class_row(CustomerRecord)) as cursor:
        cursor.execute(f"{CUSTOMER} WHERE id > %s AND erased_at IS NULL ORDER BY id LIMIT %s", [after, limit])
        return cursor.fetchall()


def update_customer(connection: Connection, key: int, *, attributes: dict[str, Any], marketing: bool) -> int:
    """Write both and answer the new version. The caller holds the row."""
    row = connection.execute(
        "UPDATE customers SET attributes = %s, marketing = %s, version = version + 1 WHERE key = %s"
        " RETURNING version",
        [Jsonb(attributes), marketing, key],
    ).fetchone()
    assert row is not None, "a locked customer does not vanish"
    return int(row[0])


def append_changes(connection: Connection, changes: Sequence[Change], now: datetime) -> int:
    """Draw a `seq`, log the changes under it and the numbers that follow, and answer it.

    At most MOST_CHANGES. The caller holds the rows of all the customers concerned, and of every shared row
    that the step writes: a `seq` drawn before the last lock would not tell the order of things.
    """
    if len(changes) > MOST_CHANGES:
        raise ValueError(f"one step logs at most {MOST_CHANGES} changes, not {len(changes)}")
    row = connection.execute(
        APPEND_CHANGES,
        {
            "keys": [change.customer_key for change in changes],
            "kinds": [change.kind for change in changes],
            "bodies": [Jsonb(change.body) for change in changes],
            "now": now,
        },
    ).fetchone()
    assert row is not None, "a sequence always answers"
    return int(row[0])


def find_installation(connection: Connection, installation_id: str) -> InstallationRecord | None:
    with connection.cursor(row_factory=class_row(InstallationRecord)) as cursor:
        return cursor.execute(f"{INSTALLATION} WHERE id = %s", [installation_id]).fetchone()


def add_installation(
    connection: Connection, installation_id: str, customer_id: str, token_hash: bytes, now: datetime
) -> InstallationRecord | None:
    """Register the installation for that customer; None if the id is taken."""
    with connection.cursor(row_factory=class_row(InstallationRecord)) as cursor:
        return cursor.execute(
            ADD_INSTALLATION,
            [installation_id, token_hash, now, customer_id],
        ).fetchone()


def update_installation(connection: Connection, key: int, details: Details, *, location: bool) -> None:
    connection.execute(
        "UPDATE installations SET location = %s, platform = %s, model = %s, os_version = %s,"
        " app_version = %s, locale = %s, time_zone = %s, push = %s WHERE key = %s",
        [
            location,
            details.platform,
            details.model,
            details.os_version,
            details.app_version,
            details.locale,
            details.time_zone,
            None if details.push is None else Jsonb(details.push),
            key,
        ],
    )


def settle_location(connection: Connection, customers: Iterable[int]) -> None:
    """Make each customer's `location` say whether any of their phones may be located. The caller holds the rows."""
    connection.execute(
        "UPDATE customers SET location = found.location FROM ("
        "SELECT c.key, EXISTS (SELECT FROM installations WHERE customer_key = c.key AND location) AS location"
        " FROM unnest(%s::bigint[]) AS c (key)) AS found"
        " WHERE customers.key = found.key AND customers.location <> found.location",
        [list(customers)],
    )


def end_waiting(connection: Connection, installation_key: int, *, located: bool = False) -> None:
    """Moments that wait for that installation are gone; with `located`, only those of a place.

    What came about at no place is no phone's: it goes on with another that its customer has.
    """
    if not located:
        connection.execute(HAND_ON, {"phone": installation_key})
    connection.execute(
        "DELETE FROM waiting WHERE installation_key = %s AND (NOT %s OR body -> 'moment' ->> 'site' <> '')",
        [installation_key, located],
    )


def replace_token(connection: Connection, key: int, token_hash: bytes) -> None:
    """From now on that token alone is good; also for an installation whose token was revoked."""
    connection.execute(
        "UPDATE installations SET token_hash = %s, revoked_at = NULL WHERE key = %s", [token_hash, key]
    )


def revoke_token(connection: Connection, key: int, now: datetime) -> None:
    connection.execute("UPDATE installations SET revoked_at = %s WHERE key = %s", [now, key])


def latest_consents(
    connection: Connection, customer_key: int, installation_key: int | None
) -> dict[ConsentKind, tuple[bool, str | None]]:
    """(granted, wording) as last stated: on marketing by the customer, on location for that installation."""
    rows = connection.execute(
        "SELECT DISTINCT ON (kind) kind, granted, wording FROM consents WHERE customer_key = %s"
        " AND (kind = 'marketing' OR installation_key = %s) ORDER BY kind, id DESC",
        [customer_key, installation_key],
    )
    return {kind: (granted, wording) for kind, granted, wording in rows}


def append_consents(connection: Connection, consents: Sequence[Consent], act: Act) -> None:
    """Keep the statements for proof: who said what of which wording, when."""
    rows = [
        (one.customer_key, one.installation_key, one.kind, one.granted, one.wording, act.now, act.actor)
        for one in consents
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO consents (customer_key, installation_key, kind, granted, wording, at, actor)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
