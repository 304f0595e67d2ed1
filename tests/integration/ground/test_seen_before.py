"""What a migration makes of rows that were there before it."""

from importlib import import_module

import psycopg

from beacon_service.settings import libpq_url

MOVED = """
INSERT INTO moves SELECT gen_random_uuid(), 1, %s, 1, 'shop', 'cafe', 'entered', NULL, %s, 1, 1, 'ping', %s
"""


def backfill():
    """The statement alone: what comes before it in its migration is there already."""
    text = import_module("migrations.versions.0008_moments").STATEMENTS
    (found,) = [one for one in text.split(";") if "UPDATE customers" in one]
    return found


def test_customers_of_before_were_last_noticed_when_they_last_moved(fresh_database_url):
    with psycopg.connect(libpq_url(fresh_database_url)) as connection:
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        keys = [
            connection.execute(
                "INSERT INTO customers (id, anonymous, created_at) VALUES (%s, false, now()) RETURNING key",
                [name],
            ).fetchone()[0]
            for name in ("anna", "ben", "never")
        ]
        for key, at in zip(keys, ("2026-05-01T12:00Z", "2026-05-03T23:30Z"), strict=False):
            for moment in (at, "2026-04-01T00:00Z"):
                connection.execute(MOVED, [key, moment, moment])
        connection.execute(backfill())
        found = connection.execute("SELECT id, seen_on::text FROM customers ORDER BY id").fetchall()
    assert found == [("anna", "2026-05-01"), ("ben", "2026-05-03"), ("never", None)]
