"""A shop's own history, replayed: what comes out otherwise than it was decided."""

from datetime import timedelta

from beacon_service.backtests.comparison import Comparison
from beacon_service.backtests.history_store import Range
from beacon_service.backtests.run import verify
from beacon_service.pings import snapshots


def snapshot(shop):
    """From here on the history can be replayed, whoever was put into the tables before without a word of it."""
    with shop.connect() as connection:
        assert snapshots.take(connection, shop.clock.now().date(), shop.clock.now())


def differences(shop, since, *, until=None, anew=False):
    """(field, before, after) of every difference, and how many decisions were compared."""
    comparison = Comparison()
    span = Range(since, until or shop.clock.now() + timedelta(milliseconds=1))
    with shop.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = [told(one) for one in verify(connection, span, comparison, anew=anew)]
    return found, comparison.decisions


def told(difference):
    if difference.before is None or difference.after is None:
        one = difference.before or difference.after
        return ("gained" if difference.before is None else "lost"), one.move, one.zone, one.at
    return difference.fields
