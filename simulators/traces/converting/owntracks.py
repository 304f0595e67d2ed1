"""Messages of the OwnTracks apps: `location` becomes a ping with a position, `beacon` (iOS) a sighting.

In each message `tst` is when the phone was there, `created_at` when it wrote the message; both by its own clock.
"""

from collections.abc import Iterator
from pathlib import Path

from simulators.traces.converting import identities
from simulators.traces.converting.messages import Message, observed
from simulators.traces.converting.observation import (
    Choice,
    Heard,
    Observation,
    Sent,
    Tally,
    micros,
    phone_name,
)
from simulators.traces.converting.pinging import position

# How near a beacon is, as iOS says it.
PROXIMITY = ("unknown", "immediate", "near", "far")


def read(source: Path, tally: Tally, choice: Choice) -> Iterator[Observation]:
    yield from observed(source, tally, lambda message, tally: _of(message, tally, choice))


def _of(message: Message, tally: Tally, choice: Choice) -> Observation | None:
    kind = message.body.get("_type")
    if kind is None:
        raise ValueError("has no _type, is no message of OwnTracks")
    if kind == "encrypted":
        raise ValueError("is encrypted; decrypt it first, with the secret that the phone was given")
    if kind == "location":
        located = _located(message, choice)
        tally.became("positions")
        return located
    if kind == "beacon":
        heard = _heard(message)
        tally.became("sightings")
        return heard
    tally.became("messages of other types, left out")
    return None


def _located(message: Message, choice: Choice) -> Sent:
    """Without `acc`, which phones leave out where they do not know, it is as exact as the one who converts says."""
    body = message.body
    ping_us = _time(body, "tst")
    sent_us = _time(body, "created_at") if "created_at" in body else None
    at_us = message.at_us if message.at_us is not None else sent_us or ping_us
    there = position(body.get("lat"), body.get("lon"), body.get("acc") or choice.accuracy_m)
    return Sent(at_us, _phone(message), at_us if sent_us is None else sent_us, ping_us, {"position": there})


def _heard(message: Message) -> Heard:
    body = message.body
    identity = identities.ibeacon(body.get("uuid"), body.get("major"), body.get("minor"))
    told = identities.sighting(identity, rssi=body.get("rssi"))
    near = body.get("prox")
    if isinstance(near, int) and 0 <= near < len(PROXIMITY):
        told["proximity"] = PROXIMITY[near]
    at_us = message.at_us if message.at_us is not None else _time(body, "tst")
    return Heard(at_us, _phone(message), told)


def _time(body: dict[str, object], name: str) -> int:
    """Unix seconds; apps of before 2016 wrote them as a text."""
    told = body.get(name)
    return micros(int(told) if isinstance(told, str) and told.isdecimal() else told, name)


def _phone(message: Message) -> str:
    """`owntracks/jane/phone` is jane-phone; the tracker's two letters where no topic was written down."""
    body = message.body
    topic = message.topic or body.get("topic")
    if isinstance(topic, str) and topic.count("/") >= 2:
        return phone_name("-".join(topic.split("/")[1:3]))
    if body.get("username") and body.get("device"):
        return phone_name(f"{body['username']}-{body['device']}")
    if body.get("tid"):
        return phone_name(str(body["tid"]))
    raise ValueError("says neither topic nor tid, so nobody knows whose it is")
