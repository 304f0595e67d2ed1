"""Sixty-four clients at once, each as stubborn as a well-made app: a report is sent again until it is answered."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2

from tests.torture.phones import LATER, Phone, Report, Told, gateway, single

if TYPE_CHECKING:
    import random

    from tests.torture.world import Keys

CLIENTS = 64
PHONES_EACH = 3
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 2.0
# After so many tries a report is laid aside, to be sent again at the end.
MOST_TRIES = 6
OUTCOMES = ["delivered", "viewed", "clicked", "dismissed"]


@dataclass(frozen=True, slots=True)
class Size:
    """How many people there are, and how often how many phones are reported by one request of a gateway."""

    people: int
    gateways: float
    batch: int
    timeout_s: float


SMALL = Size(people=100, gateways=0.14, batch=6, timeout_s=8.0)
# For as many decisions as two cores make beside the killing.
LARGE = Size(people=1_500, gateways=0.9, batch=40, timeout_s=60.0)


@dataclass(slots=True)
class Crowd:
    """The people, their phones, and what they do next; all in one thread."""

    http: httpx2.AsyncClient
    keys: Keys
    rng: random.Random
    size: Size = SMALL
    told: Told = field(default_factory=Told)
    phones: list[Phone] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    reporting: set[asyncio.Task[None]] = field(default_factory=set)

    async def gather(self) -> None:
        """Register everybody, before anything is killed."""
        names = [f"person-{number}" for number in range(self.size.people) for _ in range(PHONES_EACH)]
        lines = asyncio.Semaphore(8)

        async def one(name: str) -> None:
            async with lines:
                await self.add_phone(name)

        await asyncio.gather(*(one(name) for name in names))
        if len(self.phones) < len(names):
            raise RuntimeError(
                f"{len(names) - len(self.phones)} phones were not registered: {self.told.refusals}"
            )

    async def traffic(self) -> None:
        """All clients, until stopped; what they have under way is finished."""
        await asyncio.gather(*(self._client() for _ in range(CLIENTS)))
        await asyncio.gather(*self.reporting)

    async def retry_unacknowledged(self) -> None:
        """Each again, now that nothing is killed; those that fail stay, and nothing was promised for them.

        Here the phones come again when they are told to. Until now they were hastier than an app should be, so that the
        service had to bear it; but who never waits as long as asked may be put off every time, and nothing is wrong.
        """
        waiting, self.told.unacknowledged = self.told.unacknowledged, []
        lines = asyncio.Semaphore(8)

        async def one(report: Report) -> None:
            async with lines:
                await self._send(report, patient=True)

        await asyncio.gather(*(one(report) for report in waiting))

    async def add_phone(self, customer: str, *, logs_in_later: bool = False) -> None:
        """A new phone, identified as that customer at once or after it has been seen as nobody's."""
        phone = Phone(f"phone-{uuid.UUID(int=self.rng.getrandbits(128))}", customer)
        body = {"platform": "android", "consents": {"location": True, "marketing": True}}
        headers = {"Authorization": f"Bearer {self.keys.publishable}"}
        answer = await self._ask("PUT", f"/v1/installations/{phone.id}", headers, body)
        # Where the answer was lost the token is lost too: the app starts over under another id.
        if answer is None or not answer.get("installation_token"):
            return
        phone.token = answer["installation_token"]
        if logs_in_later:
            phone.logs_in_as = customer
        elif not await self._identify(phone, customer):
            return
        self.phones.append(phone)

    async def _identify(self, phone: Phone, customer: str) -> bool:
        path, headers = (
            f"/v1/installations/{phone.id}/identify",
            {"Authorization": f"Bearer {self.keys.secret}"},
        )
        return await self._ask("POST", path, headers, {"customer_id": customer}) is not None

    async def _client(self) -> None:
        while not self.stopped.is_set():
            luck = self.rng.random()
            if luck < 0.01:
                person = f"person-{self.rng.randrange(2 * self.size.people)}"
                await self.add_phone(person, logs_in_later=luck < 0.005)
            elif luck < 0.01 + self.size.gateways:
                await self._with_phones(self.size.batch)
            else:
                await self._with_phones(1)

    async def _with_phones(self, count: int) -> None:
        free = [phone for phone in self.rng.sample(self.phones, 2 * count) if not phone.busy][:count]
        if not free:
            await asyncio.sleep(0.01)
            return
        for phone in free:
            phone.busy = True
        try:
            await self._report(free)
        finally:
            for phone in free:
                phone.busy = False

    async def _report(self, phones: list[Phone]) -> None:
        if len(phones) > 1:
            report = gateway(phones, self.keys, self.rng)
        else:
            report = single(phones[0], self.keys, self.rng, count=self.rng.choice([1, 1, 1, 1, 3]))
        decisions = await self._send(report)
        if decisions is None:
            return
        if self.rng.random() < 0.04 and await self._send(report) not in (None, decisions):
            self.told.changed.append(f"{report.body} was first answered with {sorted(decisions)}")
        for decision in decisions:
            if self.rng.random() < 0.6:
                task = asyncio.create_task(self._tell(decision))
                self.reporting.add(task)
                task.add_done_callback(self.reporting.discard)
        for phone in phones:
            if (
                phone.logs_in_as is not None
                and self.rng.random() < 0.3
                and await self._identify(phone, phone.customer)
            ):
                phone.logs_in_as = None

    async def _tell(self, decision: str) -> None:
        """What became of an offer: at once, or so late that its reservation was given back."""
        if self.rng.random() < 0.4:
            await asyncio.sleep(self.rng.uniform(1, 6))
        body = {
            "decision_id": decision,
            "type": self.rng.choice(OUTCOMES),
            "at": datetime.now(UTC).isoformat(),
        }
        await self._ask("POST", "/v1/outcomes", {"Authorization": f"Bearer {self.keys.secret}"}, body)

    async def _send(self, report: Report, *, patient: bool = False) -> frozenset[str] | None:
        """The decisions that were answered; None, and the report laid aside, where nothing was."""
        answer = await self._ask("POST", "/v1/pings", report.headers, report.body, patient=patient)
        if answer is None:
            self.told.unacknowledged.append(report)
            return None
        return self.told.answer(answer)

    async def _ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: dict[str, Any],
        *,
        patient: bool = False,
    ) -> dict[str, Any] | None:
        """The answer to a request that is tried again while nobody answers or the answer is 'later'."""
        for attempt in range(MOST_TRIES):
            asked_s = 0.0
            try:
                response = await self.http.request(
                    method, path, headers=headers, json=body, timeout=self.size.timeout_s
                )
            except httpx2.TransportError as error:
                self.told.failures[type(error).__name__] += 1
            else:
                self.told.statuses[response.status_code] += 1
                if response.is_success:
                    answer: dict[str, Any] = response.json()
                    return answer
                if response.status_code not in LATER:
                    self.told.refusals.setdefault(
                        response.status_code, f"{method} {path}: {response.text[:500]}"
                    )
                    return None
                asked_s = float(response.headers.get("Retry-After", 0)) if patient else 0.0
            if attempt + 1 < MOST_TRIES:
                wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt) * self.rng.uniform(0.5, 1)
                await asyncio.sleep(max(asked_s, wait_s))
        return None
