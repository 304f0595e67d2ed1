"""Customers with their phones and consents, by SQL in the server.

Fifty thousand registrations over HTTP would take minutes, five million a day, and measure nothing. The rows are those
that a registration makes, and the answers to their pings are checked, so that a row which is not shows at once.
"""

from collections.abc import Iterator

import psycopg

from beacon_service import migration
from beacon_service.settings import libpq_url
from benchmarks import workload
from benchmarks.service import keys
from benchmarks.service.asking import Refused

# As many in one transaction as take some seconds.
AT_ONCE = 250_000

# As workload.person_name, customer_name, token_of and tier_of say; hashed as the service hashes tokens. In order, so
# that customer n has the key n + 1.
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
        keys.insert(connection)
    for _ in add(url, 0, customers):
        pass


def add(url: str, first: int, upto: int) -> Iterator[int]:
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


def make_all_gold(url: str) -> None:
    """For the worst case, before anybody has walked."""
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("""UPDATE customers SET attributes = jsonb_build_object('tier', 'gold')""")
