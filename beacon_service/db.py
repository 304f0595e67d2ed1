"""The database from Python: sessions for the control plane, pipelines for the hot path.

Both take their connections from one pool. The hot path speaks psycopg directly, since what costs there is
the number of round trips: `round_trip` sends any number of statements and waits once, and `finish` lets the
COMMIT travel with the last of them.
"""

from __future__ import annotations

import select
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy.exc
from flask_sqlalchemy import SQLAlchemy
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, MetaData, QueuePool, create_engine, event
from sqlalchemy.orm import DeclarativeBase

from beacon_service import pipeline
from beacon_service.errors import Contended, ServiceUnavailable
from beacon_service.pipeline import Connection, Row, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beacon_service.settings import DatabaseSettings, Settings

__all__ = [
    "Base",
    "Connection",
    "Row",
    "Statement",
    "db",
    "end_session",
    "engine_options",
    "finish",
    "make_engine",
    "round_trip",
    "transaction",
    "web_engine_options",
]


# The ping path's statements are planned once and for all, often while their tables are still empty; a plan that reads
# such a table whole stays that way while it grows. All of them ask for single rows by index, so that is what they get.
PLANNING = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}


# What a reachable server says where another transaction holds a row for too long; others are not concerned.
CONTENTION = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
)


class Base(DeclarativeBase):
    """Base of all `...Row` classes."""

    metadata = MetaData()


db = SQLAlchemy(model_class=Base)


def round_trip(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """Send all statements, wait once, and answer each one's rows (none where it returns none).

    Begins a transaction where none is open, in the same trip. Columns of json and jsonb come back as the
    bytes of their text, for msgspec to decode into what the caller expects. The first error is raised, and
    what followed it has not run.
    """
    return pipeline.send(connection, statements, commit=False)


def finish(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """As `round_trip`, with the COMMIT as the last passenger: once this returns, everything is durable."""
    return pipeline.send(connection, statements, commit=True)


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


def end_session() -> None:
    """Give the session's connection back, once a request's answer is settled.

    What a view wanted to keep it has committed by then. A server that hung up since cannot make the answer wrong,
    so that error ends here; left to Flask's teardown it would turn a written answer into an empty 500.
    """
    try:
        if db.session.registry.has():  # a ping uses none
            db.session.remove()
    except sqlalchemy.exc.DBAPIError:
        db.session.registry.clear()


def make_engine(url: str, settings: DatabaseSettings, *, connections: int) -> Engine:
    """An engine outside Flask: for the worker and the commands."""
    return create_engine(url, **engine_options(settings, connections=connections))


def web_engine_options(settings: Settings) -> dict[str, Any]:
    """SQLALCHEMY_ENGINE_OPTIONS for the web service: most threads wait for a transaction that they share."""
    return engine_options(settings, connections=settings.database_connections)


def engine_options(settings: DatabaseSettings, *, connections: int) -> dict[str, Any]:
    """What every engine of ours is made with."""
    server_settings = {
        "timezone": "UTC",
        "lock_timeout": f"{settings.lock_timeout_s}s",
        "statement_timeout": f"{settings.statement_timeout_s}s",
        # A process that dies in the middle must not keep customers locked.
        "idle_in_transaction_session_timeout": "60s",
        **PLANNING,
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
            # A server that vanished without a word is noticed in half a minute, not in two hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "application_name": "beacon-service",
            # What psycopg prepares it deallocates at a rollback, and with it all that `pipeline` has prepared.
            "prepare_threshold": None,
            "options": " ".join(f"-c {name}={value}" for name, value in server_settings.items()),
        },
    }


class WatchedPool(QueuePool):
    """A pool that notices on the way out when the server has hung up.

    A ping of the server would cost a round trip a request; a look at the socket costs microseconds, and after
    a restart of the database no request is lost to a stale connection.
    """


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
    except CONTENTION as error:
        raise Contended("Somebody else holds what this needs; send it again.") from error
    except (
        psycopg.OperationalError,
        sqlalchemy.exc.OperationalError,
        sqlalchemy.exc.TimeoutError,
    ) as error:
        raise ServiceUnavailable("The database does not answer.") from error
    except psycopg.errors.CheckViolation as error:
        # A row that fits no partition fails a check without a name; one with a name is a mistake of ours.
        if error.diag.constraint_name is not None:
            raise
        raise ServiceUnavailable(
            "There is no partition for today: start a worker, which makes them."
        ) from error
