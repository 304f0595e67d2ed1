"""Years of decisions in minutes: rows that the service itself wrote in a measuring, multiplied in the server.

A sample of its decisions, their grants and moves, and of pings as they come, is copied into the database that is to
grow; each row that is made is one of these with other ids, another customer, another phone and another time. So rows
are as long as the service's own, whatever columns it learns to fill. Decision i, counted back from a day ago, is of
another customer than its neighbours; every fourth makes an offer, to a gold customer, as in the mix. What was offered a
day ago or longer and is not capped for ever speaks against nothing that a measuring expects; it is read and weighed all
the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from beacon_service import partitions
from beacon_service.settings import libpq_url
from benchmarks.growth.chain import stride
from benchmarks.growth.sizes import DECISIONS_A_DAY, DECISIONS_A_GRANT, PING_DAYS, Size
from benchmarks.service.asking import Refused

# Caps of a day are over, also for who walks just after midnight.
NEWEST_AGO = "25 hours"
# A multiple of four: of every four samples the first made an offer.
SAMPLES = 2_000
AT_ONCE = 1_000_000
# Fewer rows than this go in as fast with their indexes in place.
WORTH_REBUILDING = 100_000

SAMPLE = f"""
CREATE SCHEMA growth;
CREATE TABLE growth.chosen AS
SELECT row_number() OVER (PARTITION BY offered ORDER BY decision_id) - 1 AS place, *
FROM (
    SELECT decision_id, offer_id IS NOT NULL AS offered, installation_key, at, ping_id, ping_received_on
    FROM decisions WHERE offer_id IS NULL OR campaign NOT LIKE '%-once-ever'
) AS told;
DELETE FROM growth.chosen WHERE place >= {SAMPLES // 4} * CASE WHEN offered THEN 1 ELSE 3 END;
CREATE TABLE growth.numbered AS
SELECT CASE WHEN offered THEN 4 * place ELSE 4 * (place / 3) + place % 3 + 1 END AS n, chosen.* FROM growth.chosen;
CREATE TABLE growth.decisions AS
SELECT c.n, d.* FROM growth.numbered AS c JOIN decisions AS d USING (decision_id);
CREATE TABLE growth.grants AS
SELECT c.n, g.* FROM growth.numbered AS c JOIN grants AS g USING (decision_id);
CREATE TABLE growth.moves AS
SELECT DISTINCT ON (c.n) c.n, m.* FROM growth.numbered AS c
JOIN moves AS m ON m.installation_key = c.installation_key AND m.at = c.at AND m.type = 'entered' ORDER BY c.n;
CREATE TABLE growth.pings AS
SELECT row_number() OVER () - 1 AS n, drawn.* FROM (
    SELECT * FROM pings WHERE ping_id NOT LIKE '%-0' ORDER BY md5(ping_id) LIMIT {SAMPLES}
) AS drawn;
"""
SAMPLED = ("decisions", "grants", "moves", "pings")

# Looked up row by row, so that rows are written in the order in which they are numbered.
_SAMPLE_OF = f"CROSS JOIN LATERAL (SELECT * FROM growth.{{table}} WHERE n = i %% {SAMPLES} OFFSET 0) AS t"
# Of the row i: its time, a number to draw from, and whose it is. Keys are numbers plus one: see people.
MADE = f"""
FROM generate_series(%(first)s::bigint, %(upto)s - 1, %(every)s) AS i
CROSS JOIN LATERAL (SELECT
    %(now)s::timestamptz - interval '{NEWEST_AGO}' - i * interval '1 day' / {DECISIONS_A_DAY} AS at,
    md5(i::text) AS hash,
    4 * (i / 4 * %(stride)s %% (%(customers)s / 4)) + i %% 4 + 1 AS key
) AS made
{_SAMPLE_OF}
"""
# Of version 7, as the service's are: by time, and then at random. And of version 8: a name.
_BY_TIME = (
    "(lpad(to_hex((extract(epoch FROM made.at) * 1000)::bigint), 12, '0') || '7' || substr(made.hash, 1, 3) || '8'"
    " || substr(made.hash, {place}, 15))::uuid"
)
_NAME = (
    "(substr(made.hash, 1, 12) || '8' || substr(made.hash, 13, 3) || 'a' || substr(made.hash, 17, 15))::uuid"
)
_DECISION = {
    "decision_id": _BY_TIME.format(place=4),
    "moment_key": _NAME,
    "customer_key": "made.key",
    "seq": "i * 1000",
}
_PHONE = {"installation_key": "made.key", "seed": "i"}
OVERRIDES: Mapping[str, Mapping[str, str]] = {
    "decisions": _DECISION | _PHONE | {
        "at": "made.at", "decided_at": "made.at",
        "expires_at": "CASE WHEN t.expires_at IS NOT NULL THEN made.at + interval '1 hour' END",
        "ping_received_on": "made.at::date", "ping_id": "'h' || i",
    },
    "grants": _DECISION | {"decided_at": "made.at", "open": "false", "closes_at": "made.at + interval '1 hour'"},
    "moves": {
        "event_id": _BY_TIME.format(place=5), "seq": "i * 1000", "customer_key": "made.key",
        "installation_key": "made.key", "at": "made.at", "recorded_at": "made.at",
    },
}  # fmt: skip
# Pings are of the last days however few decisions there are, today's partition among them.
PINGS = f"""
FROM generate_series(%(first)s::bigint, %(upto)s - 1) AS i
CROSS JOIN LATERAL (SELECT
    %(now)s::timestamptz - i %% {PING_DAYS} * interval '1 day' AS at,
    1 + i / {PING_DAYS} * %(stride)s %% %(customers)s AS key
) AS made
{_SAMPLE_OF.format(table="pings")}
"""
OF_PINGS = {
    "received_on": "made.at::date", "installation_key": "made.key", "customer_key": "made.key", "ping_id": "'h' || i",
    "at": "made.at", "now": "made.at", "seq": "i", "seed": "i",
}  # fmt: skip

# Where people were last: they left long ago, and nothing of theirs is due.
PRESENCE = f"""
INSERT INTO presence (installation_key, state, tick_at, last_seq)
SELECT made.key, json_build_object(
    'last_at', made.at, 'fix', json_build_array(made.at, 120.0712345, 30.2912345, 5.0),
    'ping', json_build_array(made.at::date, 'h' || i)), NULL, i * 1000
{MADE.removesuffix(f"{_SAMPLE_OF}{chr(10)}")}
"""
# The zones of one shop that they have been to, and the shop; the last of these visits is a day ago.
REMEMBER = """
UPDATE customers SET seen_on = %(now)s::date - 2, memory = (
    SELECT json_build_object('visits', json_object_agg(place, json_build_object(
        'number', 3, 'started_at', %(now)s::timestamptz - interval '26 hours',
        'left_at', %(now)s::timestamptz - interval '25 hours')))
    FROM (
        SELECT 'shop-000/cell-' || lpad(((key + v * 37) %% 1000)::text, 4, '0') AS place
        FROM generate_series(1, %(visited)s) AS v
        UNION ALL SELECT 'shop-000'
    ) AS been)
WHERE key IN (SELECT installation_key FROM presence)
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Of the ledger: the decisions from `first` to before `upto` are made, counted back from now."""

    first: int
    upto: int


def sample(url: str, into: str) -> None:
    """Take samples of what the service has written here, and put them into another database of the cluster."""
    with (
        psycopg.connect(libpq_url(url), autocommit=True) as source,
        psycopg.connect(libpq_url(into)) as target,
    ):
        if source.execute("SELECT to_regnamespace('growth')").fetchone() == (None,):
            source.execute(SAMPLE.encode())
        target.execute("CREATE SCHEMA growth")
        for table in SAMPLED:
            target.execute(
                f"CREATE TABLE growth.{table} AS SELECT 0::bigint AS n, * FROM public.{table} LIMIT 0".encode()
            )
            with (
                source.cursor().copy(f"COPY growth.{table} TO STDOUT (FORMAT BINARY)".encode()) as coming,
                target.cursor().copy(f"COPY growth.{table} FROM STDIN (FORMAT BINARY)".encode()) as going,
            ):
                for part in coming:
                    going.write(part)
            target.execute(f"ALTER TABLE growth.{table} ADD PRIMARY KEY (n)".encode())
            _insist_on_all(target, table)


def _insist_on_all(target: psycopg.Connection, table: str) -> None:
    wanted = SAMPLES // DECISIONS_A_GRANT if table == "grants" else SAMPLES
    row = target.execute(f"SELECT count(DISTINCT n) FROM growth.{table}".encode()).fetchone()
    if row != (wanted,):
        raise Refused(
            f"{row and row[0]} samples of {table} were found, and {wanted} are needed: measure for longer"
        )


def add_ledger(url: str, size: Size, have: Size) -> Iterator[tuple[str, int, int]]:
    """The history that `size` has and `have` has not; tells of each part which rows, how many, and of how many."""
    span = Span(have.decisions, size.decisions)
    now = datetime.now(UTC)
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'")
        partitions.ensure(connection, now.date() - timedelta(days=PING_DAYS - 1))
        for table, every in (("decisions", 1), ("moves", 1), ("grants", DECISIONS_A_GRANT)):
            statement = multiplied(table, _columns(connection, table), OVERRIDES[table], MADE)
            yield table, 0, span.upto - span.first
            with _indexes_apart(connection, table, (span.upto - span.first) // every):
                for first, upto in parts(span, AT_ONCE):
                    asked = _asked(size, first, upto, now)
                    connection.execute(statement.encode(), asked | {"every": every})
                    yield table, upto - span.first, span.upto - span.first
        statement = multiplied("pings", _columns(connection, "pings"), OF_PINGS, PINGS)
        yield "pings", 0, size.pings
        for first, upto in parts(Span(have.pings, size.pings), AT_ONCE):
            connection.execute(statement.encode(), _asked(size, first, upto, now))
            yield "pings", upto, size.pings
        yield "who was where", 0, size.known
        _remember(connection, size, have, now)
        connection.execute("DROP SCHEMA growth CASCADE")


def _remember(connection: psycopg.Connection, size: Size, have: Size, now: datetime) -> None:
    connection.execute(PRESENCE.encode(), _asked(size, have.known, size.known, now) | {"every": 1})
    connection.execute(REMEMBER, {"now": now, "visited": size.visited})
    # What an UPDATE of every row leaves behind is the filling's doing, not the service's.
    connection.execute("VACUUM FULL customers")


def _asked(size: Size, first: int, upto: int, now: datetime) -> dict[str, object]:
    return {
        "first": first, "upto": upto, "now": now, "customers": size.customers, "stride": stride(size.customers // 4),
    }  # fmt: skip


def parts(span: Span, most: int) -> Iterator[tuple[int, int]]:
    """The span in parts of at most so many; each begins at a multiple of four, as offers do."""
    for first in range(span.first, span.upto, most // 4 * 4):
        yield first, min(span.upto, first + most // 4 * 4)


def multiplied(table: str, columns: Sequence[str], overrides: Mapping[str, str], made: str) -> str:
    """The statement that inserts the samples again and again, all columns but these as the service wrote them."""
    unknown = overrides.keys() - set(columns)
    assert not unknown, f"{table} has no {sorted(unknown)}"
    values = ", ".join(overrides.get(name, f't."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) SELECT {values} {made.format(table=table)}"


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    query = """
        SELECT attname FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    """
    return [name for (name,) in connection.execute(query, [f"public.{table}"])]


@contextmanager
def _indexes_apart(connection: psycopg.Connection, table: str, rows: int) -> Iterator[None]:
    """Large amounts go in without indexes, and these are then built as they were: a hundredth of the time."""
    if rows < WORTH_REBUILDING:
        yield
        return
    before = _indexes(connection, table)
    for name, constraint, _ in before:
        what = f"ALTER TABLE {table} DROP CONSTRAINT" if constraint else "DROP INDEX"
        connection.execute(f'{what} "{name}"'.encode())
    yield
    for name, constraint, definition in before:
        making = f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}' if constraint else definition
        connection.execute(making.encode())
    if _indexes(connection, table) != before:
        raise Refused(f"the indexes of {table} are not as the service has them")


def _indexes(connection: psycopg.Connection, table: str) -> list[tuple[str, bool, str]]:
    """Name, whether it is a constraint's, definition; in the order in which they were told before."""
    query = """
        SELECT c.relname, con.oid IS NOT NULL, coalesce(pg_get_constraintdef(con.oid), pg_get_indexdef(c.oid))
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
        LEFT JOIN pg_constraint AS con ON con.conindid = i.indexrelid AND con.contype IN ('p', 'u')
        WHERE i.indrelid = %s::regclass ORDER BY c.relname
    """
    return [
        (name, constraint, definition)
        for name, constraint, definition in connection.execute(query, [f"public.{table}"])
    ]
