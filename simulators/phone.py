"""A phone that walks: registers, queues its pings, sends them patiently, shows the offers that come back."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from simulators.client import Answer, Client, Keys, ServiceError, bearer, wait_s
from simulators.record import Record, SentPing
from simulators.walks import Walk, WalkPing

REGISTERS_BEFORE_S = 1.0
MOST_AT_ONCE = 50  # pings a request: what piled up during an outage goes in pieces
INBOX_EVERY_S = 15.0  # offers of timers keep for an hour; a phone that asks more often only costs battery
VIEWED_SHARE = 0.6
CLICKED_SHARE = 0.4  # of those viewed
LOOKS_FOR_S = (1.0, 3.0)  # between an offer shown and looked at, and between that and the tap

# Called with the installation's id and each answer of the service that may hold moves and offers.
OnAnswer = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Queued:
    id: str
    at: datetime
    planned: WalkPing

    def as_json(self) -> dict[str, Any]:
        heard = {"sightings": [sighting.as_json() for sighting in self.planned.sightings]}
        fix = {"position": self.planned.position.as_json()} if self.planned.position else {}
        return {"ping_id": self.id, "at": iso(self.at), "foreground": True, **heard, **fix}


@dataclass(slots=True)
class Phone:
    walk: Walk
    installation_id: str
    customer_id: str
    client: Client
    keys: Keys
    record: Record
    on_answer: OnAnswer
    random: Random
    token: str = ""
    queue: list[Queued] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: bool = False
    showing: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, begins_at_s: float) -> None:
        """Walks the whole way; `begins_at_s` is the crowd's start as Unix time. Problems end up in the
        record.
        """
        starts_at_s = begins_at_s + self.walk.starts_after_s
        await sleep_until(starts_at_s - REGISTERS_BEFORE_S)
        try:
            await self.register()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.send_queued())
                tasks.create_task(self.walk_along(starts_at_s))
        except* ServiceError as errors:
            self.record.problems += [str(error) for error in errors.exceptions]

    async def register(self) -> None:
        """The app's first start; where the brand knows the person, its backend says so (secret key)."""
        consents = {"location": self.walk.location_consent, "marketing": self.walk.marketing_consent}
        body = {"platform": self.walk.platform, "app_version": "1.0", "consents": consents}
        path = f"/v1/installations/{self.installation_id}"
        answer = await self.call("PUT", path, body, bearer(self.keys.publishable))
        self.token = answer.body["installation_token"]
        if self.walk.customer is None:
            return
        backend = bearer(self.keys.secret)
        person = {
            "attributes": self.walk.customer,
            "consents": {"marketing": self.walk.marketing_consent},
        }
        await self.call("PUT", f"/v1/customers/{self.customer_id}", person, backend)
        await self.call("POST", f"{path}/identify", {"customer_id": self.customer_id}, backend)

    async def walk_along(self, starts_at_s: float) -> None:
        """Queues each ping at its moment, by the phone's own clock, and looks into the inbox now and then."""
        looks_at_s = starts_at_s + INBOX_EVERY_S
        for number, ping in enumerate(self.walk.pings, start=1):
            moment_s = starts_at_s + ping.after_s
            await sleep_until(moment_s)
            self.queue.append(Queued(f"{number:05d}", self.clock(moment_s), ping))
            self.wake.set()
            if moment_s >= looks_at_s:
                looks_at_s = moment_s + INBOX_EVERY_S
                await self.look_into_inbox()
        self.arrived = True
        self.wake.set()

    async def send_queued(self) -> None:
        """Sends what is queued, oldest first, until all is answered; what finds no answer stays queued."""
        failures = 0
        while self.queue or not self.arrived:
            await self.wake.wait()
            self.wake.clear()
            while self.queue:
                batch = self.queue[:MOST_AT_ONCE]
                answer = await self.client.attempt(
                    "POST", "/v1/pings", headers=self.own(), body=self.said(batch)
                )
                if isinstance(answer, Answer):
                    failures = 0
                    del self.queue[: len(batch)]
                    self.take(batch, answer)
                else:
                    await asyncio.sleep(wait_s(failures, answer.not_before_s, self.random))
                    failures += 1

    def said(self, batch: Sequence[Queued]) -> dict[str, Any]:
        return {
            "installation_id": self.installation_id,
            "sent_at": iso(self.clock(time.time())),
            "pings": [queued.as_json() for queued in batch],
        }

    def take(self, batch: Sequence[Queued], answer: Answer) -> None:
        """Counts each ping's verdict, hands on what came with it, sends again what is to be sent twice."""
        if not answer.ok:
            code = answer.body.get("code") if isinstance(answer.body, dict) else None
            self.record.problems.append(
                f"{len(batch)} pings of {self.walk.label} were answered {answer.status} ({code})"
            )
            return
        self.record.latencies_ms.append(answer.took_ms)
        results = {result["ping_id"]: result for result in answer.body["results"]}
        for queued in batch:
            result = results.get(queued.id)
            if result is None:
                self.record.problems.append(f"ping {queued.id} of {self.walk.label} got no verdict")
                continue
            really_at = queued.at - timedelta(seconds=self.walk.clock_ahead_s)
            sent = SentPing(self.installation_id, really_at, result["status"], queued.planned.truth)
            self.record.answered(sent, result.get("reasons", ()))
            if queued.planned.sent_twice:
                self.queue.append(replace(queued, planned=replace(queued.planned, sent_twice=False)))
        self.receive(answer.body)

    def receive(self, body: Mapping[str, Any]) -> None:
        """An offer may come twice, in an answer and in the inbox; it is shown once."""
        self.on_answer(self.installation_id, body)
        self.record.event_ids.update(event["event_id"] for event in body.get("events", ()))
        for offer in body.get("decisions", ()):
            if offer["decision_id"] not in self.record.offers:
                self.record.offers[offer["decision_id"]] = offer
                task = asyncio.create_task(self.show(offer["decision_id"]))
                self.showing.add(task)
                task.add_done_callback(self.showing.discard)

    async def show(self, decision_id: str) -> None:
        """The app shows the offer; some people look at it, and some of those tap on it."""
        outcomes = ["delivered"]
        if self.random.random() < VIEWED_SHARE:
            outcomes.append("viewed")
            if self.random.random() < CLICKED_SHARE:
                outcomes.append("clicked")
        try:
            for outcome in outcomes:
                if outcome != "delivered":
                    await asyncio.sleep(self.random.uniform(*LOOKS_FOR_S))
                said = {"decision_id": decision_id, "type": outcome, "at": iso(datetime.now(UTC))}
                await self.call("POST", "/v1/outcomes", said, self.own())
        except ServiceError as error:
            self.record.problems.append(str(error))

    async def look_into_inbox(self) -> None:
        """Offers that a timer decided have no ping to be answered with; they wait here."""
        path = f"/v1/installations/{self.installation_id}/inbox"
        try:
            self.receive((await self.call("GET", path, None, self.own())).body)
        except ServiceError as error:
            self.record.problems.append(str(error))

    async def finish(self) -> None:
        """After the last walk: a last look for offers, and all outcomes told."""
        if self.token:
            await self.look_into_inbox()
        await asyncio.gather(*self.showing)

    async def call(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        return await self.client.call(method, path, headers=headers, random=self.random, body=body)

    def own(self) -> dict[str, str]:
        return bearer(self.keys.publishable, self.token)

    def clock(self, unix_s: float) -> datetime:
        """What the phone's clock shows at an instant; some run ahead."""
        return datetime.fromtimestamp(unix_s + self.walk.clock_ahead_s, UTC)


async def sleep_until(unix_s: float) -> None:
    await asyncio.sleep(max(0.0, unix_s - time.time()))


def iso(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
