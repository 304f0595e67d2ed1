"""What is due of one customer and cannot be done is put off, so that it stops nobody else.

Work is taken in batches, each in one transaction. Where a batch fails for a reason that nobody foresaw, its customers
are taken one by one, and whose turn fails again waits some minutes for the next.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from beacon_service.customers.store import lock_customers
from beacon_service.db import transaction
from beacon_service.errors import Contended, ServiceUnavailable
from beacon_service.pings.records import CatalogueBehindError, InstallationMovedError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from beacon_service.db import Connection

log = structlog.get_logger()

# Long enough that a fault costs little, short enough that what was mended meanwhile is soon done.
PUT_OFF = timedelta(minutes=5)
# As many customers as one look takes one by one; those behind them have their turn at the next.
MOST = 200

# They say that the work has to begin anew, and nothing about whose work it is.
_FORESEEN = (ServiceUnavailable, CatalogueBehindError, InstallationMovedError)


class Queue(NamedTuple):
    """What is due, by customer: which job does it, whose it is, and how it is put off."""

    name: str
    job: str
    due: str
    later: str


WAITING = Queue(
    "waiting",
    "decide_waiting",
    "SELECT customer_key FROM waiting WHERE due_at <= %(now)s ORDER BY due_at LIMIT %(most)s",
    "UPDATE waiting SET due_at = %(until)s WHERE customer_key = %(customer)s AND due_at <= %(now)s",
)
TIMERS = Queue(
    "timers",
    "fire_timers",
    "SELECT i.customer_key FROM presence AS p JOIN installations AS i ON i.key = p.installation_key"
    " WHERE p.tick_at <= %(now)s ORDER BY p.tick_at LIMIT %(most)s",
    "UPDATE presence SET tick_at = %(until)s FROM installations AS i WHERE i.key = presence.installation_key"
    " AND i.customer_key = %(customer)s AND presence.tick_at <= %(now)s",
)
RELEASES = Queue(
    "releases",
    "release_expired",
    "SELECT customer_key FROM grants WHERE open AND closes_at <= %(now)s ORDER BY closes_at LIMIT %(most)s",
    "UPDATE grants SET closes_at = %(until)s"
    " WHERE customer_key = %(customer)s AND open AND closes_at <= %(now)s",
)


class Look(Protocol):
    """Does what is due, of everybody or `only` of that customer; answers how much it was."""

    def __call__(self, connection: Connection, only: int | None) -> int: ...


class Told(Protocol):
    """Hears by job how many rows were put off."""

    def __call__(self, job: str, rows: int) -> None: ...


class Isolation(NamedTuple):
    """Where work is done, and who hears of what is put off."""

    engine: Engine
    told: Told


def isolated(isolation: Isolation, queue: Queue, now: datetime, look: Look) -> int:
    """What one look came to; 0 where its customers had to be taken one by one, as the next look is soon."""
    engine = isolation.engine
    try:
        with transaction(engine) as connection:
            return look(connection, None)
    except _FORESEEN:
        raise
    except (
        Exception
    ):  # broad, since it guards against what nobody foresaw: whatever it is, it must not stop the others
        log.exception("a batch failed", queue=queue.name)
    with transaction(engine) as connection:
        found = connection.execute(queue.due, {"now": now, "most": MOST})
        customers = dict.fromkeys(key for (key,) in found)
    for customer in customers:
        _alone(isolation, queue, now, look, customer)
    return 0


def _alone(isolation: Isolation, queue: Queue, now: datetime, look: Look, customer: int) -> None:
    try:
        with transaction(isolation.engine) as connection:
            look(connection, customer)
    except (Contended, InstallationMovedError):
        pass  # it is still due
    except _FORESEEN:
        raise
    except Exception:  # as above
        # Whose it is, and what of it failed, is not for the log, which tells where it failed.
        log.exception("put off", queue=queue.name)
        with transaction(isolation.engine) as connection:
            lock_customers(connection, [customer])
            asked = {"now": now, "until": now + PUT_OFF, "customer": customer}
            rows = connection.execute(queue.later, asked).rowcount
        isolation.told(queue.job, rows)
