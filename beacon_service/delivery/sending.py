"""Sends what is due: takes it, sends it with no transaction open, and settles how it went.

Any number of processes may do so. What a process that dies had taken is due again when its lease ends, and is sent
under the same message id.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog
from sqlalchemy.orm import Session

from beacon_service.configuration.model import Edit
from beacon_service.db import transaction
from beacon_service.delivery import outbox_store, service, webhook_service, webhook_store
from beacon_service.delivery.model import Report
from beacon_service.delivery.outbox import LEASE, Attempt, settle, turned_away
from beacon_service.delivery.signing import derived
from beacon_service.delivery.webhooks import Endpoint
from beacon_service.errors import Problem, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from beacon_service.clock import Clock
    from beacon_service.delivery.outbox import Delivery, Settled
    from beacon_service.delivery.webhook_store import Salted

log = structlog.get_logger()

# To one endpoint at a time: a server that answers in 100 ms then takes 640 a second, and one that does not answer at
# all holds up no more than these.
MOST_TO_ONE = 64
# In all: each holds a socket and some memory.
MOST_AT_ONCE = 1024
# How soon what became due is noticed while something else is being sent.
LOOK_EVERY_S = 0.1
# Once something has ended, for how long others are waited for, to be written down with it in one commit.
GATHER_S = 0.02
# A step logs at most a thousand changes, and each message is at most one.
SETTLED_TOGETHER = 500
# While the database is away.
PATIENCE_S = 1.0


class Sender(Protocol):
    """Sends one message and says what came of it; it raises nothing that the world could cause."""

    async def send(self, delivery: Delivery, now: datetime) -> Attempt: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ways:
    """What sends by which channel. `endpoints` is shared with whatever sends to webhooks, and kept up to date."""

    senders: Mapping[str, Sender]
    endpoints: dict[str, Endpoint] = field(default_factory=dict, repr=False)
    secret_key: str | None = field(default=None, repr=False)


class Sending:
    """The outbox's way out, within one process. Used by one thread at a time."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        ways: Ways,
        stopped: threading.Event,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._ways = ways
        self._stopped = stopped
        self._busy = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def send_due(self) -> None:
        """Until nothing is due and nothing under way; at once if another thread is at it."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            # One for all turns, so that connections last from one to the next.
            self._loop = self._loop or asyncio.new_event_loop()
            self._loop.run_until_complete(self._send_due())
        finally:
            self._busy.release()

    def close(self) -> None:
        """After the last `send_due` has returned."""
        if self._loop is None:
            return
        for sender in self._ways.senders.values():
            self._loop.run_until_complete(sender.close())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._loop = None

    async def _send_due(self) -> None:
        under_way: dict[asyncio.Task[Attempt], Delivery] = {}
        finished: list[Settled] = []
        while True:
            if not _is_crowded(under_way, finished):
                # What else was due is under way: only this makes more of it due, the next of the same customers.
                await self._settle_all(finished)
            # While there is more to send than there was room for, that is sent while what was sent is written down.
            await self._take_more(under_way, finished)
            if not under_way and not finished:
                return
            await self._settle_all(finished)
            finished.extend(await self._ended(under_way))

    async def _ended(self, under_way: dict[asyncio.Task[Attempt], Delivery]) -> list[Settled]:
        """What has ended: at once if something has, with what ends shortly after it; nothing if that takes long."""
        if not under_way:
            return []
        await asyncio.wait(under_way, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(under_way, timeout=GATHER_S)
        now = self._clock.now()
        done = [task for task in under_way if task.done()]
        return [settle(under_way.pop(task), task.result(), now) for task in done]

    async def _take_more(
        self, under_way: dict[asyncio.Task[Attempt], Delivery], finished: list[Settled]
    ) -> None:
        """Begin with what is due; what may not be sent any more goes to `finished` at once."""
        if self._stopped.is_set() or len(under_way) >= MOST_AT_ONCE:
            return
        now = self._clock.now()
        busy = Counter(delivery.lane for delivery in under_way.values())
        try:
            taken = await asyncio.to_thread(self._take, busy, now)
        except ServiceUnavailable:
            if not under_way and not finished:
                raise
            await asyncio.sleep(PATIENCE_S)
            return
        for delivery in taken:
            refused = turned_away(delivery, now)
            if refused is not None:
                finished.append(refused)
                continue
            task = asyncio.create_task(self._attempt(delivery, now))
            under_way[task] = delivery

    async def _attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        try:
            return await self._ways.senders[delivery.channel].send(delivery, now)
        except Exception:
            # Broad on purpose: what the world can do to it a sender answers with an attempt, so this is a mistake of
            # ours, of whatever kind, and in one message it must not stop the others. The message waits its turn, and
            # the log tells where it happened.
            log.exception("a message could not be sent", channel=delivery.channel)
            return Attempt("retry", error="the service could not send it; its log says why")

    async def _settle_all(self, finished: list[Settled]) -> None:
        """Write down what is finished; while the database is away, what is not is kept until its lease has ended."""
        try:
            while finished:
                await asyncio.to_thread(self._settle, finished[:SETTLED_TOGETHER])
                del finished[:SETTLED_TOGETHER]
        except ServiceUnavailable:
            log.warning("what was sent cannot be written down yet", messages=len(finished))
            now = self._clock.now()
            finished[:] = [one for one in finished if now - one.at < LEASE]
            await asyncio.sleep(PATIENCE_S)

    def _take(self, busy: Mapping[tuple[str, str], int], now: datetime) -> list[Delivery]:
        with transaction(self._engine) as connection:
            expired = Counter((channel, "expired") for channel in outbox_store.expire(connection, now))
            if expired:
                outbox_store.count(connection, expired)
            self._learn(webhook_store.enabled(connection, now))
            return outbox_store.take(connection, busy, most=MOST_TO_ONE, now=now)

    def _learn(self, found: Sequence[Salted]) -> None:
        """The webhooks as they are now, for what is taken next."""
        key, endpoints = self._ways.secret_key, self._ways.endpoints
        secrets: dict[str, list[str]] = {}
        for one in found:
            known = [] if key is None else [derived(key, one.id, one.salt)]
            secrets.setdefault(one.id, []).extend(known)
        urls = {one.id: one.url for one in found}
        now = {webhook: Endpoint(urls[webhook], tuple(secrets[webhook])) for webhook in urls}
        endpoints.clear()
        endpoints.update(now)

    def _settle(self, finished: Sequence[Settled]) -> None:
        """In one transaction: customers first, as everywhere, then what nobody else locks."""
        now = self._clock.now()
        with transaction(self._engine) as connection:
            if reports := list(_delivered(finished, now)):
                service.report(connection, reports, now)
            outbox_store.settle(connection, finished, now)
            if gone := [pair for one in finished if (pair := _gone_address(one)) is not None]:
                outbox_store.forget_addresses(connection, gone)
            outbox_store.count(connection, Counter(one.result for one in finished))
        self._tell(finished)
        for webhook in sorted({one.delivery.endpoint for one in finished if _is_gone_webhook(one)}):
            self._disable(webhook)

    def _disable(self, webhook: str) -> None:
        edit = Edit("service:delivery", self._clock.now(), lambda _version: None)
        try:
            with Session(self._engine) as session:
                webhook_service.disable(session, webhook, "the receiver answered 410 Gone", edit)
                session.commit()
        except Problem as problem:
            # The next message meets the same answer.
            log.warning("a webhook that is gone could not be disabled", webhook=webhook, why=problem.detail)
        else:
            log.warning("a webhook was disabled: its receiver says that it is gone", webhook=webhook)

    @staticmethod
    def _tell(finished: Sequence[Settled]) -> None:
        """One line for each lane and result, and none of a person."""
        told = Counter((one.delivery.channel, one.delivery.endpoint, one.result[1]) for one in finished)
        for (channel, endpoint, result), messages in sorted(told.items()):
            about = {"channel": channel, "endpoint": endpoint, "result": result, "messages": messages}
            write = log.debug if result == "sent" else log.warning
            write("messages", **about)


def _is_crowded(under_way: Mapping[asyncio.Task[Attempt], Delivery], finished: Sequence[Settled]) -> bool:
    """Whether, before these were finished, a lane had no room: then more may be due in it."""
    had = Counter(delivery.lane for delivery in under_way.values())
    had.update(one.delivery.lane for one in finished)
    return had.total() >= MOST_AT_ONCE or any(messages >= MOST_TO_ONE for messages in had.values())


def _delivered(finished: Sequence[Settled], now: datetime) -> list[Report]:
    """What a webhook took was delivered; what a push service took is so once the app says it."""
    return [
        Report(one.delivery.decision_id, "delivered", now)
        for one in finished
        if one.state == "sent" and one.delivery.channel == "webhook" and one.delivery.decision_id is not None
    ]


def _gone_address(one: Settled) -> tuple[int, str] | None:
    """(installation, token) where the push service knows the phone no more."""
    delivery = one.delivery
    if one.attempt.outcome != "gone" or delivery.push is None or delivery.installation_key is None:
        return None
    return delivery.installation_key, delivery.push.token


def _is_gone_webhook(one: Settled) -> bool:
    return one.attempt.outcome == "gone" and one.delivery.channel == "webhook"
