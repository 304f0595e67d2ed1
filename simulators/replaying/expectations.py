"""What is expected of a replay, and what came: moves and offers by installation, with their times in the trace.

{"format": "beacon-expectations", "version": 1, "tolerance_s": 5, "settle_s": 20, "others": "none",
 "installations": {
   "anna": {"events": [{"type": "entered", "zone": "harbour/wine", "at_s": 12}],
            "decisions": [{"campaign": "wine", "offer": "Two bottles for one"}]},
   "bob": "none"}}
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from simulators.client import Client, bearer
from simulators.replaying.clock import TraceClock, iso
from simulators.replaying.names import Names

FORMAT, VERSION = "beacon-expectations", 1
LARGEST_BYTES = 64_000_000
# Clocks of services are not ours: what was recorded a little before we began is asked for as well, and is sorted out
# by the run's name.
OVERLAP = timedelta(minutes=1)
# Written expectations allow for so much of the wall's time: a request, and a worker that looks for timers.
TOLERANCE_S = 2.0

Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class ExpectationError(Exception):
    """A file that holds no expectations; the message says where and what is wrong."""


class Event(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """`zone` is "site/zone". `at_s`: seconds after the trace's beginning; without it any time will do."""

    type: Literal["entered", "dwelled", "exited"]
    zone: str
    dwell_s: int | None = None
    at_s: float | None = None
    tolerance_s: Seconds | None = None

    def fits(self, came: "Event") -> bool:
        same = (self.type, self.zone) == (came.type, came.zone)
        return same and self.dwell_s in {None, came.dwell_s}

    def __str__(self) -> str:
        return f"{self.type} {self.zone}" + (f" for {self.dwell_s} s" if self.dwell_s else "")


class Decision(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An offer that was made. `offer` is its title; without it any will do."""

    campaign: str
    offer: str | None = None
    at_s: float | None = None
    tolerance_s: Seconds | None = None

    def fits(self, came: "Decision") -> bool:
        return self.campaign == came.campaign and self.offer in {None, came.offer}

    def __str__(self) -> str:
        return f"offer of {self.campaign}" + (f' "{self.offer}"' if self.offer else "")


class Person(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Of one installation, in order. What is None is not looked at; "none" and [] say that there is nothing."""

    events: list[Event] | Literal["none"] | None = None
    decisions: list[Decision] | Literal["none"] | None = None


class Expectations(Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """`others`: of installations that are not named, "none" where none of them gets an offer."""

    format: str
    version: int
    tolerance_s: Seconds = 5.0
    settle_s: Seconds = 0.0
    others: Literal["any", "none"] = "any"
    installations: dict[str, Person | Literal["none"]] = {}


class Came(Struct):
    """What the service lists of one installation, in order of time."""

    events: list[Event] = []
    decisions: list[Decision] = []


def read_expectations(path: Path) -> Expectations:
    """Raises ExpectationError."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ExpectationError(f"{path} is larger than {LARGEST_BYTES} bytes")
        expected = msgspec.json.decode(path.read_bytes(), type=Expectations)
    except OSError as error:
        raise ExpectationError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ExpectationError(f"{path}: {error}") from None
    if (expected.format, expected.version) != (FORMAT, VERSION):
        raise ExpectationError(f"{path} is not of the format {FORMAT}, version {VERSION}")
    return expected


async def what_came(
    client: Client, secret_key: str, names: Names, clock: TraceClock, began_s: float
) -> dict[str, Came]:
    """Read from the service's own lists, since not all that it did was told to phones."""
    since = iso(began_s - OVERLAP.total_seconds())
    headers = bearer(secret_key)
    came: dict[str, Came] = {}

    def of(item: Mapping[str, Any]) -> Came | None:
        own = names.own(item["installation_id"] or "")
        return None if own is None else came.setdefault(own, Came())

    def at_s(item: Mapping[str, Any]) -> float:
        told_s = datetime.fromisoformat(item["at"]).timestamp()
        return round(clock.trace_of(told_s) - clock.trace_s[0], 3)

    moves = client.pages("/v1/moves", headers=headers, random=Random(), query={"since": since})
    async for item in moves:
        if (one := of(item)) is not None:
            zone = f"{item['site']}/{item['zone']}"
            one.events.append(Event(item["type"], zone, item["dwell_s"], at_s(item)))
    asked = {"since": since, "offered": "true"}
    async for item in client.pages("/v1/decisions", headers=headers, random=Random(), query=asked):
        if (one := of(item)) is not None:
            one.decisions.append(Decision(item["campaign"], item["offer"], at_s(item)))
    for one in came.values():
        one.events.sort(key=lambda event: (event.at_s or 0.0, event.type, event.zone))
        one.decisions.sort(key=lambda decision: (decision.at_s or 0.0, decision.campaign))
    return came


def as_expected(
    came: Mapping[str, Came], installations: Iterable[str], clock: TraceClock, settle_s: float
) -> Expectations:
    """What came, as what is expected from now on. Where the trace was played as fast as it takes, at any time."""
    timed = clock.speed is not None
    return Expectations(
        format=FORMAT,
        version=VERSION,
        tolerance_s=TOLERANCE_S / clock.slope if timed else 0.0,
        settle_s=settle_s,
        others="none",
        installations={name: _person(came.get(name, Came()), timed) for name in sorted(installations)},
    )


def _person(came: Came, timed: bool) -> Person:
    def told(one: Any) -> Any:
        at_s = round(one.at_s, 1) if timed and one.at_s is not None else None
        return msgspec.structs.replace(one, at_s=at_s)

    return Person([told(event) for event in came.events], [told(one) for one in came.decisions])


def encoded(expected: Expectations) -> bytes:
    return msgspec.json.format(msgspec.json.encode(expected), indent=1) + b"\n"
