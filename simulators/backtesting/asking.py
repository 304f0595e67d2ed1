"""Asks the service for a backtest and waits for it; who stops waiting cancels it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from simulators.client import Client, bearer
from simulators.wire import Connections

LOOKS_EVERY_S = 0.5
OVER = frozenset({"done", "failed", "cancelled"})
# Read with the report; the service keeps more.
MOST_EXAMPLES = 200

Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Backtests:
    """Of one service, with a secret key."""

    client: Client
    key: str
    random: Random

    async def run(self, asked: Mapping[str, Any], told: Progress) -> dict[str, Any]:
        """The backtest when it is over, whatever became of it. ServiceError where it is refused."""
        answer = await self._call("POST", "/v1/backtests", asked)
        path = f"/v1/backtests/{answer['id']}"
        try:
            while answer["status"] not in OVER:
                told(answer)
                await asyncio.sleep(LOOKS_EVERY_S)
                answer = await self._call("GET", path)
        except asyncio.CancelledError:
            await self._call("POST", f"{path}:cancel", {})
            raise
        told(answer)
        return answer

    async def examples(self, backtest: str) -> list[dict[str, Any]]:
        """The first of them."""
        found: list[dict[str, Any]] = []
        path = f"/v1/backtests/{backtest}/examples"
        pages = self.client.pages(path, headers=bearer(self.key), random=self.random, query={})
        async for one in pages:
            found.append(one)
            if len(found) == MOST_EXAMPLES:
                break
        return found

    async def document(self, path: str) -> dict[str, Any]:
        """As it is kept now; a backtest takes it as it is read."""
        return await self._call("GET", path)

    async def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = bearer(self.key)
        answer = await self.client.call(method, path, headers=headers, random=self.random, body=body)
        found: dict[str, Any] = answer.body
        return found


@asynccontextmanager
async def backtests(url: str, key: str) -> AsyncIterator[Backtests]:
    connections = Connections(url, most=1, timeout_s=60.0)
    try:
        yield Backtests(Client(connections), key, Random())
    finally:
        await connections.close()
