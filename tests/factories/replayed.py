"""A shop's own history, replayed: what comes out otherwise than it was decided."""

from datetime import timedelta

from beacon_service.backtests.backtest import backtest
from beacon_service.backtests.model import Asked, Handle
from beacon_service.pings import snapshots


def snapshot(shop):
    """From here on the history can be replayed, whoever was put into the tables before without a word of it."""
    with shop.connect() as connection:
        assert snapshots.take(connection, shop.clock.now().date(), shop.clock.now())


def ran(shop, since, *, until=None, anew=False, instead=()):
    """(report, examples)"""
    examples = []
    handle = Handle(lambda _: None, examples.extend, lambda: True)
    asked = Asked(since, until or shop.clock.now() + timedelta(milliseconds=1), tuple(instead), anew)
    with shop.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return backtest(connection, asked, handle), examples


def differences(shop, since, **asked):
    """(what differs of every moment, how many decisions were compared)"""
    report, examples = ran(shop, since, **asked)
    assert report["differences"] == len(examples)
    return [told(one) for one in examples], report["decisions"]


def told(example):
    if example.before is None or example.after is None:
        one = example.before or example.after
        return example.kind, one["move"], one["zone"], one["at"]
    names = example.before.keys()
    return {
        name: (example.before[name], example.after[name])
        for name in names
        if example.before[name] != example.after[name]
    }
