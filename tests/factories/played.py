"""Traces of a test's own, and a replay of them as the command does it."""

import asyncio
import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from simulators.client import Keys
from simulators.replaying.resuming import Settings
from simulators.replaying.running import Order, Replay
from simulators.replaying.screen import Screen
from simulators.traces.files import write_trace
from simulators.traces.model import (
    CustomerTold,
    EventTold,
    Header,
    Identified,
    InstallationConsents,
    Registered,
    Report,
    Response,
)

# Yesterday, as far as a replay is concerned; long ago.
BEGINS_AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def at(seconds):
    return BEGINS_AT + timedelta(seconds=seconds)


def told(instant):
    return instant.isoformat().replace("+00:00", "Z")


def registered(name="anna", seconds=0.0, **more):
    consents = InstallationConsents(location=True, marketing=True)
    return Registered(at=at(seconds), installation_id=name, platform="android", consents=consents, **more)


def ping(ping_id, seconds, *, ahead_s=0.0, **more):
    """Made at that time of the trace by a phone whose clock is ahead by so much."""
    heard = [{"type": "ibeacon", "uuid": "u", "major": 1, "minor": 2, "rssi": -60}]
    when = told(at(seconds + ahead_s))
    return {"ping_id": ping_id, "at": when, "foreground": True, "sightings": heard} | more


def report(seconds, *pings, name="anna", ahead_s=0.0):
    """One of a single ping of that time where none is named."""
    pings = pings or (ping(f"p{seconds}", seconds, ahead_s=ahead_s),)
    return Report(at=at(seconds), installation_id=name, sent_at=at(seconds + ahead_s), pings=tuple(pings))


def response(name="anna", seconds=0.0, **shares):
    usual = {"view": 0, "click": 0, "dismiss": 0, "redeem": 0, "buy": 0, "buy_if_offered": 0, "delay_s": 0}
    return Response(at=at(seconds), installation_id=name, **(usual | shares))


def customer(name, seconds=0.0, **attributes):
    return CustomerTold(at=at(seconds), customer_id=name, attributes=attributes)


def identified(name, customer, seconds=0.0):
    return Identified(at=at(seconds), installation_id=name, customer_id=customer)


def bought(customer, seconds, **more):
    event = {"type": "purchase", "at": told(at(seconds))} | more
    return EventTold(at=at(seconds), customer_id=customer, event=event)


def trace(path, *lines):
    lines = sorted(lines, key=lambda line: line.at)
    begins_at = min([BEGINS_AT, *(line.at for line in lines)])
    ends_at = max([BEGINS_AT, *(line.at for line in lines)])
    write_trace(path, Header(made_by="a test", begins_at=begins_at, ends_at=ends_at), lines)
    return path


def order(path, url, keys=None, **how):
    """As the command makes it; what a test does not name is as fast as it takes."""
    settings = {"run": "run", "seed": 1, "batch": None, "inbox_every_s": None, "settle_s": 0.0}
    settings |= {name: how.pop(name) for name in list(how) if name in settings}
    usual = {"speed": None, "times": "compressed", "connections": 8, "patience_s": 20.0}
    return Order(
        trace=path,
        keys=keys or Keys("pk", "sk"),
        settings=Settings(url=url, **settings),
        keeps=path.with_suffix(".resume"),
        **(usual | how),
    )


def played(order, meanwhile=None, onlooker=None):
    """The outcome. `meanwhile(task)` runs beside it."""

    async def everything():
        replay = Replay.opened(order, Screen(Console(file=io.StringIO())))
        replay.onlooker = onlooker
        task = asyncio.create_task(replay.run())
        beside = asyncio.create_task(meanwhile(task)) if meanwhile else None
        outcome = await task
        if beside is not None:
            await beside
        return outcome

    return asyncio.run(everything())
