"""Fills a database of the service's: people by SQL in the server, shops through the API, campaigns by its own store.

Five million registrations over HTTP would take a day and measure nothing. The rows are those that a registration makes,
and the answers to their pings are checked, so that a row which is not shows at once.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from beacon_service import migration
from beacon_service.campaigns.schema import CampaignIn
from beacon_service.campaigns.store import CAMPAIGNS
from beacon_service.configuration.model import Body, Edit
from beacon_service.configuration.service import put_all
from beacon_service.configuration.store import lock
from beacon_service.settings import libpq_url
from benchmarks import workload
from benchmarks.growth import chain
from benchmarks.growth.asking import Refused, edit, insist_on_all
from benchmarks.service import documents
from benchmarks.service.contestant import Service
from benchmarks.service.seed import KEY, PUBLISHABLE_KEY, SCOPES, SECRET_KEY

# As many in one transaction as take some seconds.
AT_ONCE = 250_000
# Of so many campaigns one is put again, through the API.
SAMPLED = 100

# As workload.person_name, customer_name, token_of and tier_of say. In order, so that customer n has the key n + 1.
CUSTOMERS = """
INSERT INTO customers (id, anonymous, attributes, marketing, location, created_at)
SELECT 'person-' || lpad(n::text, greatest(5, length(n::text)), '0'), false,
    jsonb_build_object('tier', CASE WHEN n %% %(gold)s = 0 THEN 'gold' ELSE 'basic' END), true, true, now()
FROM generate_series(%(first)s::bigint, %(upto)s - 1) AS n ORDER BY n
"""
INSTALLATIONS = """
INSERT INTO installations (id, customer_key, token_hash, location, platform, created_at)
SELECT 'phone-' || lpad(n::text, greatest(5, length(n::text)), '0'), n + 1,
    sha256(convert_to('it_bench' || lpad(n::text, 38, '0'), 'UTF8')), true, 'android', now()
FROM generate_series(%(first)s::bigint, %(upto)s - 1) AS n ORDER BY n
"""
CONSENTS = """
INSERT INTO consents (customer_key, installation_key, kind, granted, at, actor)
SELECT n + 1, CASE WHEN kind = 'location' THEN n + 1 END, kind, true, now(), 'benchmark'
FROM generate_series(%(first)s::bigint, %(upto)s - 1) AS n, unnest(ARRAY['location', 'marketing']) AS kind
"""
# Whoever asks for a person by number relies on it.
OUT_OF_STEP = """
SELECT (SELECT count(*) FROM customers) <> (SELECT max(key) FROM customers)
    OR (SELECT count(*) FROM installations) <> (SELECT max(key) FROM installations)
"""


def found(url: str, customers: int) -> None:
    """The schema, the keys by which is asked, and the first customers."""
    migration.upgrade(url)
    with psycopg.connect(libpq_url(url)) as connection:
        app = {"id": "bench-app", "kind": "publishable", "key": PUBLISHABLE_KEY, "scopes": []}
        gateway = {"id": "bench-gateway", "kind": "secret", "key": SECRET_KEY, "scopes": SCOPES}
        connection.execute(KEY, app)
        connection.execute(KEY, gateway)
    for _ in add_people(url, 0, customers):
        pass


def add_people(url: str, first: int, upto: int) -> Iterator[int]:
    """Customers of these numbers, each with a phone and both consents; tells after each part how far it is."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        for start in range(first, upto, AT_ONCE):
            some = {
                "first": start,
                "upto": min(upto, start + AT_ONCE),
                "gold": round(1 / workload.GOLD_SHARE),
            }
            with connection.transaction():
                for statement in (CUSTOMERS, INSTALLATIONS, CONSENTS):
                    connection.execute(statement, some)
            yield some["upto"]
        row = connection.execute(OUT_OF_STEP).fetchone()
        if row != (False,):
            raise Refused("customers' keys are not their numbers: somebody else writes to this database")


def add_shops(url: str, first: int, upto: int) -> Iterator[int]:
    """Shops with a thousand zones each, by one import each: the API's own way of taking many at once."""
    with Service(url, 1).serving() as server:
        for shop in range(first, upto):
            path = f"/v1/sites/{chain.shop_name(shop)}"
            collection = json.dumps(chain.zone_features(shop))
            insist_on_all(server.port, [edit("PUT", path, chain.site(shop))])
            insist_on_all(server.port, [edit("POST", f"{path}/zones/imports", collection)])
            yield shop + 1


def add_campaigns(url: str, *, expires_after_s: int = 3600) -> None:
    """The contact policy through the API, and three thousand campaigns in one edit, read by the API's own schema.

    One by one, as marketers put them, they take over two minutes. A sample is put through the API afterwards: each must
    be there already, to the letter.
    """
    wanted = {
        plan.name: chain.campaign(plan, expires_after_s=expires_after_s) for plan in workload.campaigns()
    }
    bodies: dict[str, Body] = {
        name: {**CampaignIn.model_validate(document).document(name), "revision": 1}
        for name, document in wanted.items()
    }
    with Service(url, 1).serving() as server:
        insist_on_all(server.port, [edit("PUT", "/v1/policy", json.dumps(documents.policy()))])
        engine = create_engine(url)
        with Session(engine) as session:
            lock(session)
            put_all(session, CAMPAIGNS, bodies, Edit("benchmark", datetime.now(UTC), lambda _version: None))
            session.commit()
        engine.dispose()
        before = _version(url)
        sample = list(wanted.items())[::SAMPLED]
        insist_on_all(
            server.port,
            [edit("PUT", f"/v1/campaigns/{name}", json.dumps(document)) for name, document in sample],
        )
    if _version(url) != before:
        raise Refused("the campaigns are not as the API makes them")


def _version(url: str) -> int:
    with psycopg.connect(libpq_url(url)) as connection:
        row = connection.execute("SELECT version FROM catalogue").fetchone()
    assert row is not None, "there is always a version"
    return int(row[0])


def settle(url: str) -> None:
    """Hint bits and the visibility map written, and the planner told: else a measuring would pay for the filling."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def table_bytes(url: str) -> dict[str, int]:
    """Of each table, with its indexes and what is stored beside; partitions as the table that they are of."""
    query = """
        SELECT coalesce(parent.relname, c.relname), sum(pg_total_relation_size(c.oid))::bigint
        FROM pg_class AS c
        LEFT JOIN pg_inherits ON inhrelid = c.oid
        LEFT JOIN pg_class AS parent ON parent.oid = inhparent
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
        GROUP BY 1
    """
    with psycopg.connect(libpq_url(url)) as connection:
        return dict(connection.execute(query).fetchall())


def database_bytes(url: str) -> int:
    with psycopg.connect(libpq_url(url)) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None, "a size is a row"
    return int(row[0])
