"""A gateway: reports for many phones at once with a secret key, as buildings do whose receivers hear the phones.

What phones have to say is gathered for a moment and goes in one request. Each phone waits for its own answer before it
says more, so that its reports stay in order whatever becomes of a request.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from simulators.client import Answer, Client, Later
from simulators.replaying.clock import iso, now_s
from simulators.replaying.telling import ToldPing


@dataclass(frozen=True, slots=True)
class Given:
    """What one phone gave to the gateway, and what it is told of that."""

    told_name: str
    pings: Sequence[ToldPing]
    answer: "asyncio.Future[Answer | Later]"


@dataclass(slots=True)
class Gateway:
    """`most`: pings a request. `gathers_s`: how long the first one waits for others."""

    client: Client
    headers: Mapping[str, str]
    tasks: asyncio.TaskGroup
    most: int
    gathers_s: float
    gathered: list[Given] = field(default_factory=list)
    count: int = 0
    timer: asyncio.TimerHandle | None = None

    async def report(self, told_name: str, pings: Sequence[ToldPing]) -> Answer | Later:
        """The answer as that phone would have got it for these pings alone."""
        loop = asyncio.get_running_loop()
        given = Given(told_name, pings, loop.create_future())
        if self.count + len(pings) > self.most:
            self._go()
        self.gathered.append(given)
        self.count += len(pings)
        if self.count >= self.most:
            self._go()
        elif self.timer is None:
            self.timer = loop.call_later(self.gathers_s, self._go)
        return await given.answer

    def _go(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        some, self.gathered, self.count = self.gathered, [], 0
        if some:
            self.tasks.create_task(self._send(some))

    async def _send(self, some: Sequence[Given]) -> None:
        batches = [
            {"installation_id": one.told_name, "pings": [ping.body for ping in one.pings]} for one in some
        ]
        body = {"sent_at": iso(now_s()), "batches": batches}
        answer = await self.client.attempt("POST", "/v1/pings", headers=self.headers, body=body)
        for one, own in zip(some, divided(some, answer), strict=True):
            one.answer.set_result(own)


def divided(some: Sequence[Given], answer: Answer | Later) -> list[Answer | Later]:
    """Each phone's part: verdicts stand in the order of the pings, moves and offers carry their phone's name."""
    if isinstance(answer, Later) or not answer.ok or not isinstance(answer.body, dict):
        return [answer] * len(some)
    results = iter(answer.body.get("results", ()))
    told: dict[str, dict[str, list[Any]]] = {}
    for kind in ("events", "decisions"):
        by_name: dict[str, list[Any]] = defaultdict(list)
        for one in answer.body.get(kind, ()):
            by_name[one["installation_id"]].append(one)
        told[kind] = by_name
    parts: list[Answer | Later] = []
    for one in some:
        body = {"results": list(islice(results, len(one.pings)))}
        body |= {kind: by_name.get(one.told_name, []) for kind, by_name in told.items()}
        parts.append(Answer(answer.status, body, answer.took_ms))
    return parts
