"""All phones of a run at once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from simulators.client import Client, Keys
from simulators.phone import OnAnswer, Phone
from simulators.record import Record
from simulators.walks import Walk

BEGINS_AFTER_S = 2.0  # so that the first ones are registered before they set out
LOOKING_AT_ONCE = 8  # phones that look into their inbox together at the end


@dataclass(frozen=True, slots=True)
class Crowd:
    phones: tuple[Phone, ...]
    record: Record

    @property
    def lasts_s(self) -> float:
        return BEGINS_AFTER_S + max((phone.walk.ends_after_s for phone in self.phones), default=0.0)

    async def walk(self) -> None:
        """Every walk in real time, side by side, until the last ping is answered."""
        begins_at_s = time.time() + BEGINS_AFTER_S
        async with asyncio.TaskGroup() as tasks:
            for phone in self.phones:
                tasks.create_task(phone.run(begins_at_s))

    async def finish(self) -> None:
        """Last looks into the inboxes and outcomes still to be told."""
        for first in range(0, len(self.phones), LOOKING_AT_ONCE):
            some = self.phones[first : first + LOOKING_AT_ONCE]
            await asyncio.gather(*(phone.finish() for phone in some))


def make_crowd(walks: Sequence[Walk], run: str, *, client: Client, keys: Keys, on_answer: OnAnswer) -> Crowd:
    """Installations and customers are new in each run, so that no run uses up the caps of the next."""
    record = Record(planned=sum(1 + ping.sent_twice for walk in walks for ping in walk.pings))
    phones = tuple(
        Phone(
            walk=walk,
            installation_id=f"{run}-{number}",
            customer_id=f"{run}-customer-{number}",
            client=client,
            keys=keys,
            record=record,
            on_answer=on_answer,
            random=Random(f"{run}/{number}"),
        )
        for number, walk in enumerate(walks, start=1)
    )
    return Crowd(phones, record)
