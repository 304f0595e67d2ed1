"""Talks to the service as a well-behaved app does: patient, idempotent, counting what it sees.

5xx, 429 and broken connections mean "again, later": the wait doubles, is drawn at random up to that (so that
a thousand phones do not come back in step), and is never shorter than the server's Retry-After.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlencode

import msgspec

from simulators.wire import Connections, Heard, WireError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
TRIES = 8
PAGE = 500


class ServiceError(Exception):
    """The service answered something that an app cannot go on with; the message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Either may be empty where nothing is asked that needs it."""

    publishable: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    took_ms: float

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str | None:
        """Of a problem: by which one tells it from others."""
        return self.body.get("code") if isinstance(self.body, dict) else None


@dataclass(frozen=True, slots=True)
class Later:
    """No answer yet: come back, not before so many seconds."""

    why: str
    not_before_s: float = 0.0


@dataclass(slots=True)
class Traffic:
    """What went over the wire, for the summary: answers by status, and connections that failed, by why."""

    statuses: Counter[int] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


@dataclass(frozen=True, slots=True)
class Client:
    """The connections to one service, for all phones of a run."""

    connections: Connections
    traffic: Traffic = field(default_factory=Traffic)

    async def attempt(
        self, method: str, path: str, *, headers: Mapping[str, str], body: Any = None
    ) -> Answer | Later:
        """One try. Only what may pass by itself becomes `Later`; every other status is an answer."""
        content = b"" if body is None else msgspec.json.encode(body)
        said = {**headers, "Content-Type": "application/json"} if content else headers
        try:
            heard = await self.connections.request(method, path, said, content)
        except WireError as error:
            self.traffic.failed[str(error)] += 1
            return Later(str(error))
        self.traffic.statuses[heard.status] += 1
        if heard.status == 429 or heard.status >= 500:
            return Later(f"answered {heard.status}", retry_after_s(heard.headers))
        return Answer(heard.status, json_of(heard), heard.took_ms)

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str], random: Random, body: Any = None
    ) -> Answer:
        """Tries until there is an answer. Raises ServiceError when that is a refusal, or after a minute or
        so.
        """
        why = ""
        for failures in range(TRIES):
            answer = await self.attempt(method, path, headers=headers, body=body)
            if isinstance(answer, Answer):
                return accepted(method, path, answer)
            why = answer.why
            if failures + 1 < TRIES:
                await asyncio.sleep(wait_s(failures, answer.not_before_s, random))
        raise ServiceError(f"{method} {path} was given up after {TRIES} tries: {why}")

    async def pages(
        self, path: str, *, headers: Mapping[str, str], random: Random, query: Mapping[str, str]
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list, page after page."""
        cursor: str | None = None
        while True:
            asked = {**query, "limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            address = f"{path}?{urlencode(asked)}"
            body = (await self.call("GET", address, headers=headers, random=random)).body
            for item in body["items"]:
                yield item
            cursor = body.get("next_cursor")
            if not cursor:
                return

    async def close(self) -> None:
        await self.connections.close()


def bearer(key: str, token: str | None = None) -> dict[str, str]:
    told = {"Authorization": f"Bearer {key}"}
    return told | ({"Beacon-Installation-Token": token} if token else {})


def accepted(method: str, path: str, answer: Answer) -> Answer:
    if answer.ok:
        return answer
    raise ServiceError(f"{method} {path} was answered {answer.status}: {words_of(answer)}")


def words_of(answer: Answer) -> str:
    """What a refusal says of itself."""
    told = answer.body if isinstance(answer.body, dict) else {}
    words = [str(told[name]) for name in ("code", "detail") if told.get(name)]
    places = [" ".join(map(str, one.values())) for one in told.get("errors", ()) if isinstance(one, dict)]
    return "; ".join([", ".join(words) or "no reason given", *places])


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds; its other form, a date, is not used by this service and counts as none."""
    told = headers.get("retry-after", "")
    return float(told) if told.isascii() and told.replace(".", "", 1).isdigit() else 0.0


def wait_s(failures: int, not_before_s: float, random: Random) -> float:
    """After 0, 1, 2, 3 failures up to 0.5, 1, 2, 4 s, never more than half a minute beyond what was asked
    for.
    """
    return not_before_s + random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures, 10)))


def json_of(heard: Heard) -> Any:
    try:
        return msgspec.json.decode(heard.body) if heard.body else None
    except msgspec.DecodeError:
        return None
