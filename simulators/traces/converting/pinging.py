"""Sightings gathered into pings, and pings into reports, as an app would send them."""

import math
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from simulators.traces.converting.observation import Choice, Heard, Observation, Sent, instant
from simulators.traces.converting.sorting import ByTime
from simulators.traces.converting.wording import short
from simulators.traces.model import MOST_PINGS, InstallationConsents, Line, Registered, Report

# As many as the service takes in one ping.
MOST_SIGHTINGS = 200

_observation: msgspec.json.Decoder[Observation] = msgspec.json.Decoder(Observation)
_encode = msgspec.json.Encoder().encode


def put(spool: ByTime, observation: Observation) -> None:
    spool.add(observation.at_us, _encode(observation))


def reports(spool: ByTime, choice: Choice) -> Iterator[Report]:
    """In order of time. What a phone heard within a second (`ping_every_s`) is a ping at the second's end."""
    every_us = every(choice)
    ends_us, heard = 0, dict[str, list[Heard]]()
    for record in spool:
        observation = _observation.decode(record)
        if heard and observation.at_us >= ends_us:
            yield from _gathered(heard, ends_us, choice)
            heard = {}
        if isinstance(observation, Sent):
            yield _as_sent(observation)
        else:
            ends_us = (observation.at_us // every_us + 1) * every_us
            heard.setdefault(observation.phone, []).append(observation)
    yield from _gathered(heard, ends_us, choice)


def every(choice: Choice) -> int:
    return max(1, round(choice.ping_every_s * 1_000_000))


def _gathered(heard: dict[str, list[Heard]], at_us: int, choice: Choice) -> Iterator[Report]:
    for phone in sorted(heard):
        rows = heard[phone]
        parts = [rows[first : first + MOST_SIGHTINGS] for first in range(0, len(rows), MOST_SIGHTINGS)]
        pings = [_ping(at_us, {"sightings": [_told(row, choice) for row in part]}) for part in parts]
        for first in range(0, len(pings), MOST_PINGS):
            some = tuple(pings[first : first + MOST_PINGS])
            yield Report(at=instant(at_us), installation_id=phone, sent_at=instant(at_us), pings=some)


def _told(row: Heard, choice: Choice) -> dict[str, Any]:
    """With its own time where a ping gathers more than a second."""
    return row.sighting | ({"at": _text(row.at_us)} if choice.ping_every_s > 1 else {})


def _as_sent(sent: Sent) -> Report:
    ping = _ping(sent.ping_us, sent.content)
    return Report(
        at=instant(sent.at_us), installation_id=sent.phone, sent_at=instant(sent.sent_us), pings=(ping,)
    )


def _ping(at_us: int, content: dict[str, Any]) -> dict[str, Any]:
    """The same content at the same time has the same id, as a phone's repetition has."""
    digest = blake2b(_encode([at_us, content]), digest_size=6).hexdigest()
    return {"ping_id": f"{at_us // 1000}-{digest}", "at": _text(at_us)} | content


def _text(at_us: int) -> str:
    return (
        instant(at_us)
        .isoformat(timespec="milliseconds" if at_us % 1000 == 0 else "microseconds")
        .replace("+00:00", "Z")
    )


def with_registrations(lines: Iterator[Report], platform: str, choice: Choice) -> Iterator[Line]:
    """Each phone registers when it is first heard of. Memory grows with the phones, not with their pings."""
    consents = InstallationConsents(location=choice.location, marketing=choice.marketing)
    known: set[str] = set()
    for line in lines:
        if line.installation_id not in known:
            known.add(line.installation_id)
            yield Registered(
                at=line.at, installation_id=line.installation_id, platform=platform, consents=consents
            )
        yield line


def position(latitude: object, longitude: object, accuracy_m: object) -> dict[str, Any]:
    """As a ping has it. Raises ValueError."""
    return {
        "latitude": _number("latitude", latitude, 90),
        "longitude": _number("longitude", longitude, 180),
        "accuracy_m": _number("accuracy", accuracy_m, 1_000_000, least=0),
    }


def _number(name: str, value: object, most: float, *, least: float | None = None) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not (-most if least is None else least) <= number <= most:
        raise ValueError(
            f"{name} is {short(value)}, should be a number from {-most if least is None else least} to {most}"
        )
    return number
