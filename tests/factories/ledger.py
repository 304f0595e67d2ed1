"""Decisions and grants written straight into the tables, for tests of what comes after a decision."""

from datetime import timedelta
from uuid import uuid4

from psycopg.types.json import Jsonb

from beacon_service.ids import derived_uuid7

OFFER = {"title": "Coffee", "body": "A cup is on us.", "image_url": None, "link": None, "code": "CUP"}


def decide(
    shop, phone, *, campaign="coffee", at=None, channel="response", expires_s=3600, charged=(), **fields
):
    """A decision for a phone of the shop, with its grant where it offers something; answers its id as text.

    `charged`: [key, counts, amount], the shared counts that the grant stands in.
    """
    at = at or shop.clock.now()
    decision_id = derived_uuid7(at, uuid4())
    row = {
        "decision_id": decision_id,
        "moment_key": uuid4(),
        "seq": 1000,
        "site": "shop",
        "zone": "cafe",
        "move": "entered",
        "visit": 1,
        "at": at,
        "decided_at": at,
        "catalogue_version": 0,
        "code_version": "test",
        "seed": 7,
        "campaign": campaign,
        "revision": 1 if campaign else None,
        "offer_id": "coffee" if campaign else None,
        "offer": Jsonb(OFFER) if campaign else None,
        "channel": channel if campaign else None,
        "expires_at": at + timedelta(seconds=expires_s) if campaign else None,
        "reasons": Jsonb({"cake": "audience"}),
        "counts": Jsonb([["coffee", "campaign.customer.decided", 0, 1]]),
        "draws": Jsonb({"coffee": [0.7, 0.1]}),
        "refusals": Jsonb([]),
        **fields,
    }
    with shop.connect() as connection:
        found = "SELECT key, customer_key FROM installations WHERE id = %s"
        row["installation_key"], row["customer_key"] = connection.execute(found, [phone]).fetchone()
        insert(connection, "decisions", row)
        if campaign:
            insert(connection, "grants", _grant(row, charged))
    return str(decision_id)


def tally(shop, key, *, used, ceiling=10):
    with shop.connect() as connection:
        insert(connection, "tallies", {"key": key, "used": used, "ceiling": ceiling})


def insert(connection, table, row):
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(row.values()))


def _grant(decision, charged):
    shared = (
        "decision_id",
        "campaign",
        "moment_key",
        "customer_key",
        "offer_id",
        "site",
        "decided_at",
        "seq",
    )
    own = {"arm": "offered", "policy": True, "open": True, "closes_at": decision["expires_at"]}
    return {**{name: decision[name] for name in shared}, **own, "charged": Jsonb(list(charged))}
