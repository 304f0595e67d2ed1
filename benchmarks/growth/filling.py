"""Fills a chain's database: shops through the API, campaigns in one edit. And what its tables take."""

from collections.abc import Iterator

import psycopg

from beacon_service.settings import libpq_url
from benchmarks import workload
from benchmarks.growth import chain
from benchmarks.service import seed
from benchmarks.service.contestant import Service


def add_shops(url: str, first: int, upto: int) -> Iterator[int]:
    """Shops with a thousand zones each; tells after each how many there are."""
    with Service(url, 1).serving() as server:
        for shop in range(first, upto):
            seed.put_shop(server.port, chain.shop_name(shop), chain.site(shop), chain.zone_features(shop))
            yield shop + 1


def add_campaigns(url: str, *, expires_after_s: int = 3600) -> None:
    """The contact policy and three thousand campaigns."""
    wanted = {
        plan.name: chain.campaign(plan, expires_after_s=expires_after_s) for plan in workload.campaigns()
    }
    with Service(url, 1).serving() as server:
        seed.put_policy(server.port)
        seed.bring_in_campaigns(url, server.port, wanted)


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
