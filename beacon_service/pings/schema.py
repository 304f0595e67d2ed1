"""Pings as phones and gateways write them, parsed one by one: a bad one is told what is wrong, the others go on."""

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from beacon_service.errors import Invalid, TooLarge, fault
from beacon_service.zones.identities import FIRST_METRE_DB, identity_text, mac_text
from beacon_service.zones.model import Identity, Position, Sighting

# `$` alone would let a line break follow.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$(?!\n)")]
Instant = Annotated[datetime, Meta(tz=True)]
# The widest field of an advertisement that names something is a UUID; what is longer is not one.
Text = Annotated[str, Meta(max_length=64)]
Number = Annotated[int, Meta(ge=-(2**31), le=2**32)] | Annotated[str, Meta(max_length=16)]

# More beacons than a phone hears in a minute of the busiest mall.
MOST_SIGHTINGS = 200
# The widest a frame of telemetry can say: two bytes of millivolts, 8.8 bits of degrees. What of it makes sense is
# judged where it is used: an odd reading must not cost the ping.
MOST_MILLIVOLTS = 65_535
WIDEST_TEMPERATURE_C = 128
# Identities repeat from ping to ping; each is worth spelling out once.
_REMEMBERED_IDENTITIES = 50_000


class SightingIn(Struct, frozen=True, omit_defaults=True):
    type: Literal["ibeacon", "eddystone_uid", "altbeacon", "mac"]
    rssi: Annotated[float, Meta(ge=-1000, le=1000)]
    uuid: Text | None = None
    major: Number | None = None
    minor: Number | None = None
    namespace: Text | None = None
    instance: Text | None = None
    id1: Text | None = None
    id2: Number | None = None
    id3: Number | None = None
    mac: Text | None = None
    tx_power: Annotated[float, Meta(ge=-1000, le=1000)] | None = None
    at: Instant | None = None
    proximity: Literal["immediate", "near", "far", "unknown"] | None = None
    # Of Eddystone-TLM or its like; 0 mV: no battery, or not known.
    battery_mv: Annotated[int, Meta(ge=0, le=MOST_MILLIVOLTS)] | None = None
    temperature_c: Annotated[float, Meta(ge=-WIDEST_TEMPERATURE_C, le=WIDEST_TEMPERATURE_C)] | None = None


class PositionIn(Struct, frozen=True, omit_defaults=True):
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0, le=1_000_000)]
    floor: Name | None = None
    mocked: bool = False


class PingIn(Struct, frozen=True, omit_defaults=True):
    ping_id: Name
    at: Instant
    foreground: bool | None = None
    sightings: Annotated[list[SightingIn], Meta(max_length=MOST_SIGHTINGS)] = []
    position: PositionIn | None = None


class _BatchIn(Struct, frozen=True):
    installation_id: Name
    pings: list[Raw]


class _RequestIn(Struct, frozen=True):
    installation_id: Name | None = None
    sent_at: Instant | None = None
    pings: list[Raw] | None = None
    batches: list[_BatchIn] | None = None


class _OnlyId(Struct, frozen=True):
    ping_id: Name


class ParsedPing(Struct, frozen=True):
    """A ping that could be read: its content canonical, so that a retry is recognised however it was written."""

    ping_id: str
    at: datetime
    sightings: tuple[Sighting, ...]
    position: Position | None
    body: bytes
    content_hash: bytes


class Unreadable(Struct, frozen=True):
    """A ping that could not be read, and what to mend."""

    ping_id: str | None
    detail: str


class PingRequest(Struct, frozen=True):
    """`pings` in the request's order, each with the installation it is of."""

    sent_at: datetime | None
    many: bool  # for many installations at once: needs a secret key
    pings: tuple[tuple[str, ParsedPing | Unreadable], ...]

    @property
    def installation_ids(self) -> set[str]:
        return {installation_id for installation_id, _ in self.pings}


_request = msgspec.json.Decoder(_RequestIn)
_ping = msgspec.json.Decoder(PingIn)
_only_id = msgspec.json.Decoder(_OnlyId)
_encode = msgspec.json.Encoder().encode


def parse(body: bytes, *, most_pings: int) -> PingRequest:
    """Read a request; raises Invalid or TooLarge for what makes no sense as a whole."""
    try:
        request = _request.decode(body)
    except msgspec.ValidationError as error:
        raise Invalid("The request is not one of pings.", errors=[_fault(str(error))]) from None
    single = request.installation_id is not None and request.pings is not None
    if single == (request.batches is not None):
        what = "Send either installation_id with pings, or batches."
        raise Invalid(what, errors=[fault("/", "neither or both forms are there", what)])
    batches = request.batches if request.batches is not None else []
    if request.installation_id is not None and request.pings is not None:
        batches = [_BatchIn(request.installation_id, request.pings)]
    if sum(len(batch.pings) for batch in batches) > most_pings:
        raise TooLarge(f"A request may carry at most {most_pings} pings; send the rest in another.")
    pings = tuple((batch.installation_id, _parse_ping(raw)) for batch in batches for raw in batch.pings)
    return PingRequest(request.sent_at, not single, pings)


def _parse_ping(raw: Raw) -> ParsedPing | Unreadable:
    try:
        ping = _ping.decode(raw)
        sightings = tuple(map(sighting, ping.sightings))
    except (msgspec.ValidationError, ValueError) as error:
        return Unreadable(_id_of(raw), str(error))
    body = _encode(ping)
    return ParsedPing(
        ping_id=ping.ping_id,
        at=ping.at,
        sightings=sightings,
        position=_position(ping.position),
        body=body,
        content_hash=hashlib.blake2b(body, digest_size=16).digest(),
    )


def heard_in(body: bytes | str) -> tuple[tuple[Sighting, ...], Position | None]:
    """What the engine reads of a ping, from its content as it is kept."""
    ping = _ping.decode(body)
    return tuple(map(sighting, ping.sightings)), _position(ping.position)


def sighting(one: SightingIn) -> Sighting:
    """What the engine reads of it, the power at 1 m. Raises ValueError where what was heard has no identity."""
    mac = _mac(one.mac) if one.mac is not None else None
    if one.type == "mac":
        if mac is None:
            raise ValueError("a sighting of type mac needs its mac")
        return Sighting(None, mac, one.rssi, one.tx_power, one.at)
    identity = _identity(
        one.type, one.uuid, one.major, one.minor, one.namespace, one.instance, one.id1, one.id2, one.id3
    )
    power = one.tx_power
    if power is not None and one.type == "eddystone_uid":
        power -= FIRST_METRE_DB
    return Sighting(identity, mac, one.rssi, power, one.at)


_FIELDS = ("uuid", "major", "minor", "namespace", "instance", "id1", "id2", "id3")


@lru_cache(_REMEMBERED_IDENTITIES)
def _identity(kind: str, *values: str | int | None) -> Identity:
    return identity_text(kind, dict(zip(_FIELDS, values, strict=True)))


@lru_cache(_REMEMBERED_IDENTITIES)
def _mac(text: str) -> Identity:
    return mac_text(text)


def _position(position: PositionIn | None) -> Position | None:
    if position is None:
        return None
    return Position(
        position.longitude, position.latitude, position.accuracy_m, position.floor, position.mocked
    )


def _id_of(raw: Raw) -> str | None:
    """The id of a ping that is otherwise unreadable, so that the phone knows which one to mend."""
    try:
        return _only_id.decode(raw).ping_id
    except msgspec.ValidationError:
        return None


def _fault(message: str) -> dict[str, str]:
    """Msgspec names the place at the end: "Expected `str`, got `int` - at `$.pings`"."""
    what, _, where = message.partition(" - at `$")
    pointer = where.rstrip("`").replace("[", ".").replace("]", "").replace(".", "/") or "/"
    return fault(pointer, what, "See the request's schema in /openapi.json.")
