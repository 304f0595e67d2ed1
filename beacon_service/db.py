"""The database from Python: sessions for the control plane, pipelines for the hot path.

Both take their connections from one pool. The hot path speaks psycopg directly, since what costs there is
the number of round trips: `round_trip` sends any number of statements and waits once, and `finish` lets the
COMMIT travel with the last of them.
"""

from __future__ import annotations

import select
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import psycopg
import sqlalchemy.exc
from flask_sqlalchemy import SQLAlchemy
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.types.json import Jsonb, JsonbBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper
from sqlalchemy import Engine, MetaData, QueuePool, create_engine, event
from sqlalchemy.orm import DeclarativeBase

from beacon_service.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from beacon_service.settings import DatabaseSettings, Settings

    Pipeline = psycopg.Pipeline

Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]

# Statements that steer the transaction go past psycopg's cache of prepared statements, which forgets
# everything when it sees the tag ROLLBACK, be it of a savepoint.
CONTROL = ("SAVEPOINT ", "ROLLBACK TO ", "RELEASE ")

# Each statement of the hot path is prepared once for each combination of parameter types, and an array of
# nulls counts as text[]; psycopg's own bound of 100 would throw out what comes back a moment later.
MOST_PREPARED = 500


class Base(DeclarativeBase):
    """Base of all `...Row` classes."""

    metadata = MetaData()


db = SQLAlchemy(model_class=Base)


class Statement(NamedTuple):
    """One SQL statement of a round trip; parameters are written %(name)s or %s and are sent as binary."""

    sql: str
    params: Mapping[str, Any] | Sequence[Any] = ()


def round_trip(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """Send all statements, wait once, and answer each one's rows (none where it returns none).

    Begins a transaction where none is open, in the same trip. Columns of json and jsonb come back as the
    bytes of their text, for msgspec to decode into what the caller expects. The first error is raised, and
    what followed it has not run.
    """
    return _send(connection, statements, commit=False)


def finish(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """As `round_trip`, with the COMMIT as the last passenger: once this returns, everything is durable."""
    return _send(connection, statements, commit=True)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Lend a connection of the pool: commits at the end, rolls back on any error.

    Raises ServiceUnavailable where the database cannot be reached, goes away, or makes us wait too long; a
    commit whose answer was lost is one of these, so what runs here must be safe to repeat.
    """
    with _unavailable_as_problem():
        pooled = engine.raw_connection()
        connection: Connection = pooled.driver_connection  # type: ignore[assignment]
        try:
            yield connection
            connection.commit()
        except BaseException as error:
            _roll_back(connection, error)
            raise
        finally:
            if connection.closed:
                pooled.invalidate()
            pooled.close()


def make_engine(url: str, settings: DatabaseSettings, *, connections: int) -> Engine:
    """An engine outside Flask: for the worker and the commands."""
    return create_engine(url, **engine_options(settings, connections=connections))


def web_engine_options(settings: Settings) -> dict[str, Any]:
    """SQLALCHEMY_ENGINE_OPTIONS for the web service: a connection for each thread."""
    return engine_options(settings, connections=settings.web_threads)


def engine_options(settings: DatabaseSettings, *, connections: int) -> dict[str, Any]:
    """What every engine of ours is made with."""
    server_settings = {
        "timezone": "UTC",
        "lock_timeout": f"{settings.lock_timeout_s}s",
        "statement_timeout": f"{settings.statement_timeout_s}s",
        # A process that dies in the middle must not keep customers locked.
        "idle_in_transaction_session_timeout": "60s",
    }
    return {
        "poolclass": WatchedPool,
        "pool_size": connections,
        # A request may need a session beside its transaction; without room for it all threads could wait.
        "max_overflow": connections,
        "pool_timeout": 5,
        "isolation_level": "READ COMMITTED",
        "connect_args": {
            "connect_timeout": 5,
            "tcp_user_timeout": 15_000,
            "application_name": "beacon-service",
            "options": " ".join(f"-c {name}={value}" for name, value in server_settings.items()),
        },
    }


class WatchedPool(QueuePool):
    """A pool that notices on the way out when the server has hung up.

    A ping of the server would cost a round trip a request; a look at the socket costs microseconds, and after
    a restart of the database no request is lost to a stale connection.
    """


@event.listens_for(WatchedPool, "connect")
def _allow_many_prepared(connection: Connection, _record: object) -> None:
    connection.prepared_max = MOST_PREPARED


@event.listens_for(WatchedPool, "checkout")
def _refuse_a_dead_connection(connection: Connection, _record: object, _proxy: object) -> None:
    if _hung_up(connection):
        # SQLAlchemy answers this one by emptying the pool and connecting afresh.
        raise sqlalchemy.exc.InvalidatePoolError


def _hung_up(connection: Connection) -> bool:
    """Whether something waits to be read on an idle connection: the end of the stream, or a farewell."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class _AsBytes(Loader):
    """A json column as the bytes that it is."""

    format = psycopg.pq.Format.BINARY

    def load(self, data: bytes | bytearray | memoryview) -> bytes:
        return bytes(data)


class _JsonbAsBytes(_AsBytes):
    """Binary jsonb is a version byte, 1, and the text."""

    def load(self, data: bytes | bytearray | memoryview) -> bytes:
        return bytes(data[1:])


class _MsgspecJsonb(JsonbBinaryDumper):
    """`Jsonb(value)` of anything that msgspec encodes; bytes that are JSON already go as `msgspec.Raw`."""

    _dumps = staticmethod(msgspec.json.encode)


def _hot_adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_loader("json", _AsBytes)
    adapters.register_loader("jsonb", _JsonbAsBytes)
    adapters.register_dumper(Jsonb, _MsgspecJsonb)
    # psycopg picks smallint, integer or bigint by the value, and each makes another prepared statement.
    adapters.register_dumper(int, Int8BinaryDumper)
    return adapters


HOT_ADAPTERS = _hot_adapters()


class _HotCursor(psycopg.Cursor[Row]):
    """A cursor of the hot path, which shares one set of adapters instead of copying the connection's."""

    @property
    def adapters(self) -> AdaptersMap:
        return HOT_ADAPTERS


def _send(connection: Connection, statements: Sequence[Statement], *, commit: bool) -> list[list[Row]]:
    with connection.pipeline() as pipeline:
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            # Sent past psycopg, which would wait for the answer to its own BEGIN.
            connection.pgconn.send_query_params(b"BEGIN", None)
            pipeline.result_queue.append(None)
        cursors = [_queue(connection, pipeline, statement) for statement in statements]
        committed = _HotCursor(connection).execute(b"COMMIT", prepare=False) if commit else None
    if committed is not None and committed.statusmessage != "COMMIT":
        # The server answers COMMIT of a failed transaction with ROLLBACK and no error.
        message = "the transaction had failed before it was committed"
        raise psycopg.errors.InFailedSqlTransaction(message)
    return [_rows(cursor) for cursor in cursors]


def _queue(connection: Connection, pipeline: Pipeline, statement: Statement) -> _HotCursor | None:
    if statement.sql.startswith(CONTROL):
        send = partial(connection.pgconn.send_query_params, statement.sql.encode(), None)
        pipeline.command_queue.append(send)
        pipeline.result_queue.append(None)
        return None
    cursor = _HotCursor(connection)
    cursor.execute(statement.sql.encode(), statement.params or None, prepare=True, binary=True)
    return cursor


def _rows(cursor: _HotCursor | None) -> list[Row]:
    result = cursor.pgresult if cursor is not None else None
    if cursor is None or result is None or result.status != ExecStatus.TUPLES_OK:
        return []
    return cursor.fetchall()


def _roll_back(connection: Connection, error: BaseException) -> None:
    """Undo; after an error of ours without throwing away the prepared statements, which psycopg would."""
    if connection.closed or connection.pgconn.transaction_status == TransactionStatus.IDLE:
        return
    if isinstance(error, psycopg.Error):
        connection.rollback()
    else:
        connection.pgconn.exec_(b"ROLLBACK")


@contextmanager
def _unavailable_as_problem() -> Iterator[None]:
    try:
        yield
    except (
        psycopg.OperationalError,
        sqlalchemy.exc.OperationalError,
        sqlalchemy.exc.TimeoutError,
    ) as error:
        raise ServiceUnavailable("The database does not answer.") from error
