"""What every foreign format is made of here, before it becomes pings: an advertisement heard, or a ping as sent.

Instants are microseconds since 1970, as they sort and pack better than datetimes.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from simulators.ilc import ConvertError
from simulators.traces.converting.wording import short

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 2200; what lies beyond is a wrong unit, as milliseconds taken for seconds.
LAST_US = 7_258_118_400_000_000
_STRAY_Z = re.compile(r"Z(?=[+-]\d\d:?\d\d$)")
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Heard(msgspec.Struct, frozen=True, tag="heard", array_like=True):
    """One advertisement, heard at a moment. Gathered with others of its second into a ping."""

    at_us: int
    phone: str
    sighting: dict[str, Any]


class Sent(msgspec.Struct, frozen=True, tag="sent", array_like=True):
    """One ping as a phone sent it: when it really came, and what the phone's own clock said of both instants."""

    at_us: int
    phone: str
    sent_us: int
    ping_us: int
    content: dict[str, Any]


Observation: TypeAlias = Heard | Sent


@dataclass(frozen=True, slots=True)
class Choice:
    """What the one who converts decides. `receivers`: the addresses of gateways that are known by name."""

    site: str | None = None
    ping_every_s: float = 1.0
    accuracy_m: float = 10.0
    phone: str = "tag"
    receivers: dict[str, str] = field(default_factory=dict)
    location: bool = True
    marketing: bool = True


@dataclass(slots=True)
class Tally:
    """What became of each line or message that was read: nothing is lost without a word."""

    tell: Callable[[str], None]
    skip_malformed: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    notes: dict[str, str] = field(default_factory=dict)

    def became(self, what: str, count: int = 1) -> None:
        self.counts[what] += count

    def malformed(self, where: str, why: object) -> None:
        if not self.skip_malformed:
            raise ConvertError(f"{where}: {why}\nMend it, or leave such lines out with --skip-malformed.")
        self.counts["malformed, left out"] += 1
        self.tell(f"left out: {where}: {why}")


def phone_name(text: str) -> str:
    """A name that an installation may have: other characters are replaced, and a hash keeps two apart."""
    if _NAME.fullmatch(text):
        return text
    if not text:
        raise ValueError("the phone has no name")
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9._:-]', '_', text)[:55]}-{digest}"


def instant(at_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_us)


def micros(value: object, name: str, *, per_second: int = 1) -> int:
    """From Unix seconds (or, with `per_second`, parts of them) or ISO 8601 with its offset. Raises ValueError."""
    if isinstance(value, str):
        at_us = _iso_micros(value, name)
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18:
        at_us = round(value * 1_000_000 / per_second)
    else:
        raise ValueError(f"{name} is {short(value)}, should be a time")
    if not 0 <= at_us < LAST_US:
        raise ValueError(f"{name} is {short(value)}, which is no time between 1970 and 2200")
    return at_us


def _iso_micros(text: str, name: str) -> int:
    """Mosquitto_sub writes a Z before the offset of its local time: 12:00:00.5Z+0200 is half a second past 10 UTC."""
    try:
        at = datetime.fromisoformat(_STRAY_Z.sub("", text))
    except ValueError:
        raise ValueError(f"{name} is {short(text)}, should be a time such as 2026-11-02T10:00:00Z") from None
    if at.tzinfo is None:
        raise ValueError(
            f"{name} is {short(text)}, which does not say in which time zone; add Z or an offset"
        )
    return (at - EPOCH) // timedelta(microseconds=1)
