"""What fixed receivers heard of tags that walk about: Theengs Gateway, OpenMQTTGateway and ESPresense, over MQTT.

In this service a phone hears beacons whose places are known. With gateways it is the other way round: the receiver's
place is known, and what it hears walks. So the tag becomes the installation, and the receiver a beacon of the type
`mac` that it hears; the level is the same in both directions but for a few dB. With `--phone receiver` it is taken as
it was heard: the receiver walks (a phone with the Theengs app, a trolley), and what it hears are beacons.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.traces.converting import identities
from simulators.traces.converting.advertisement import beacon_in
from simulators.traces.converting.messages import Message, observed
from simulators.traces.converting.observation import Choice, Heard, Tally, phone_name

NO_LEVEL = "messages without a level, left out"
OTHER_TOPICS = "messages of other topics, left out"


@dataclass(frozen=True, slots=True)
class Advert:
    """`power_dbm` as it was advertised: at 1 m, but at 0 m for Eddystone. `tag` names who advertised."""

    tag: str
    receiver: str
    rssi: object
    identity: dict[str, Any] | None
    address: str | None
    power_dbm: object


Read = Callable[[Message], Advert | str]


def read_theengs(source: Path, tally: Tally, choice: Choice) -> Iterator[Heard]:
    yield from _read(source, tally, choice, theengs)


def read_espresense(source: Path, tally: Tally, choice: Choice) -> Iterator[Heard]:
    yield from _read(source, tally, choice, espresense)


def _read(source: Path, tally: Tally, choice: Choice, parse: Read) -> Iterator[Heard]:
    yield from observed(source, tally, lambda message, tally: _heard(message, tally, choice, parse))


def _heard(message: Message, tally: Tally, choice: Choice, parse: Read) -> Heard | None:
    if message.at_us is None or message.topic is None:
        raise ValueError("says neither when it came nor from where; record with mosquitto_sub -F '%J'")
    advert = parse(message)
    if isinstance(advert, str):
        tally.became(advert)
        return None
    by_tag = choice.phone == "tag"
    heard = _by_tag(advert, message.at_us, tally, choice) if by_tag else _by_receiver(advert, message.at_us)
    tally.became("sightings")
    return heard


def _by_tag(advert: Advert, at_us: int, tally: Tally, choice: Choice) -> Heard:
    """The receiver's address is the one that it was given by hand, or one made from its name."""
    address = choice.receivers.get(advert.receiver) or identities.made_up_mac(advert.receiver)
    tally.notes[f"receiver {advert.receiver}"] = f"is the beacon of type mac {address}"
    power = _at_one_metre(advert)
    told = identities.sighting(None, rssi=advert.rssi, address=address, tx_power=power)
    return Heard(at_us, phone_name(advert.tag), told)


def _at_one_metre(advert: Advert) -> object:
    power = advert.power_dbm
    if advert.identity and advert.identity["type"] == "eddystone_uid" and isinstance(power, int | float):
        return power - identities.FIRST_METRE_DB
    return power


def _by_receiver(advert: Advert, at_us: int) -> Heard:
    told = identities.sighting(
        advert.identity, rssi=advert.rssi, address=advert.address, tx_power=advert.power_dbm
    )
    return Heard(at_us, phone_name(advert.receiver), told)


def theengs(message: Message) -> Advert | str:
    """Of `<base>/<gateway>/BTtoMQTT/<address>`, or `.../presence/<gateway>` with the same content.

    A phone's address changes every quarter of an hour, so a tag that says more of itself is known by that.
    """
    body, levels = message.body, (message.topic or "").split("/")
    if "id" not in body:
        return OTHER_TOPICS
    if "rssi" not in body:
        return NO_LEVEL
    receiver = levels[levels.index("BTtoMQTT") - 1] if "BTtoMQTT" in levels[1:] else levels[-1]
    identity, power = _decoded(body)
    told = body.get("mac") or body["id"]
    address = None if identity and _is_uuid(told) else identities.mac(told)
    tag = name_of(identity) if identity else f"mac:{address}"
    return Advert(tag, receiver, body["rssi"], identity, address, power)


def _decoded(body: dict[str, Any]) -> tuple[dict[str, Any] | None, object]:
    """From the bytes where they are told, else as the gateway decoded them: it takes 40000 for -25536."""
    found = beacon_in(body)
    if found:
        return found
    power = body.get("txpower", body.get("power"))
    if "uuid" in body and "major" in body and "minor" in body:
        return identities.ibeacon(body["uuid"], body["major"], body["minor"]), power
    return None, None


def _is_uuid(told: object) -> bool:
    """OpenMQTTGateway may be set to name an iBeacon by its uuid instead of the address."""
    return isinstance(told, str) and len(told.replace("-", "")) == 32


def espresense(message: Message) -> Advert | str:
    """Of `espresense/devices/<id>/<node>`; before 2022 it was `espresense/rooms/<node>`, with the id in the message."""
    body, levels = message.body, (message.topic or "").split("/")
    if levels[-3:-2] != ["devices"] and levels[-2:-1] != ["rooms"]:
        return OTHER_TOPICS
    if "id" not in body or "rssi" not in body:
        return NO_LEVEL
    tag = str(body["id"])
    identity = _fingerprint(tag)
    power = body.get("rssi@1m")
    if identity and identity["type"] == "eddystone_uid" and isinstance(power, int | float):
        power += identities.FIRST_METRE_DB
    address = identities.mac(body["mac"]) if body.get("mac") else None
    return Advert(tag, levels[-1], body["rssi"], identity, address, power)


def _fingerprint(tag: str) -> dict[str, Any] | None:
    """`iBeacon:<uuid>-<major>-<minor>` and its like; None for what has no identity but its address."""
    kind, _, rest = tag.partition(":")
    parts = rest.split("-")
    if kind in ("iBeacon", "altBeacon") and len(parts) == 7:
        make = identities.ibeacon if kind == "iBeacon" else identities.altbeacon
        return make("-".join(parts[:5]), parts[5], parts[6])
    if kind == "eddy" and len(parts) == 2:
        return identities.eddystone_uid(_without_doubled_byte(parts[0]), parts[1])
    return None


def _without_doubled_byte(namespace: str) -> str:
    """ESPresense writes the fifth of the namespace's ten bytes twice."""
    doubled = len(namespace) == 22 and namespace[8:10] == namespace[10:12]
    return namespace[:10] + namespace[12:] if doubled else namespace


def name_of(identity: dict[str, Any]) -> str:
    """ibeacon:7d0c...:1:2; without the dashes, so that it is short enough for an installation."""
    return ":".join(str(value).replace("-", "") for value in identity.values())
