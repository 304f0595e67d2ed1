"""Pings of the trace as they are told now: other times, and nothing else changed.

A ping that is told twice must be the same twice, or the service takes it for another one under the same id. So what it
was told with is remembered (`Phone.told`), and all else follows from that.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from simulators.replaying.clock import TraceClock, iso

# Phones repeat what they sent a moment ago. What is repeated after more pings than that is told by the clock anew,
# which comes to the same unless the phone's own clock was set meanwhile.
MOST_REMEMBERED = 64


class ToldPing(Struct, frozen=True, array_like=True):
    """`at_s`: the true time that it was told to be of; None where the trace's ping has none that can be read."""

    ping_id: str | None
    at_s: float | None
    body: Raw


def told_ping(
    ping: Mapping[str, Any], clock: TraceClock, *, ahead_s: float, ahead_told_s: float, told: dict[str, float]
) -> ToldPing:
    """`ahead_s`: by how much the phone's clock was wrong in the trace; `ahead_told_s`: by how much it is told to be.

    `told` is what the phone told of before, and is added to.
    """
    ping_id = ping.get("ping_id") if isinstance(ping.get("ping_id"), str) else None
    own_s = _seconds(ping.get("at"))
    if own_s is None:
        return ToldPing(ping_id, None, _encoded(ping))
    base_s = told.get(ping_id) if ping_id is not None else None
    if base_s is None:
        base_s = clock.told_s(own_s - ahead_s) + ahead_told_s
        if ping_id is not None:
            _remember(told, ping_id, base_s)
    changed: dict[str, Any] = {"at": iso(base_s)}
    sightings = ping.get("sightings")
    if isinstance(sightings, list) and any(isinstance(one, dict) and "at" in one for one in sightings):
        changed["sightings"] = [_told_sighting(one, own_s, base_s, clock.inner_slope) for one in sightings]
    return ToldPing(ping_id, base_s - ahead_told_s, _encoded({**ping, **changed}))


def _told_sighting(sighting: Any, own_s: float, base_s: float, slope: float) -> Any:
    """As long before or after its ping as it was, at the speed of the replay."""
    if not isinstance(sighting, dict):
        return sighting
    heard_s = _seconds(sighting.get("at"))
    return sighting if heard_s is None else {**sighting, "at": iso(base_s + (heard_s - own_s) * slope)}


def _remember(told: dict[str, float], ping_id: str, base_s: float) -> None:
    told[ping_id] = base_s
    if len(told) > MOST_REMEMBERED:
        del told[next(iter(told))]


def _seconds(text: Any) -> float | None:
    """What cannot be read is sent as it stands: a trace may hold what the service will refuse."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.timestamp() if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _encoded(ping: Mapping[str, Any]) -> Raw:
    return Raw(msgspec.json.encode(ping))
