"""One person's visit as lines: what their phone and the till send, and where they really are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.generating import spelling
from simulators.generating.answering import basket_eur
from simulators.generating.hearing import Ear, Heard
from simulators.generating.people import Person
from simulators.generating.phones import Attending, attend
from simulators.generating.reporting import requests_of
from simulators.generating.truth import NOWHERE, Trail, ZoneIndex
from simulators.generating.walking.terrain import Terrain
from simulators.generating.walking.visit import Pace, Visit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REGISTERS_BEFORE_S = 3.0  # the first ping, so that it finds its installation
FIX_SHARE = 0.6  # of pings on the street carry a position of the phone's own
FIX_M, FIX_ACCURACY_M = 5.0, (4.0, 12.0)
STRANGER_SHARE = 0.03  # of pings of Android phones hear a neighbour's beacon
MOST_ITEMS = 4


class Told(NamedTuple):
    """`at_ms`: when it is sent. `truth`: belongs into the file beside the trace."""

    at_ms: int
    truth: bool
    line: bytes


@dataclass(frozen=True, slots=True)
class Outing:
    """A person on a visit: the party's, with the way as this person walks it."""

    person: Person
    visit: Visit
    day: int
    first: bool
    buys: bool
    draws: np.random.Generator


@dataclass(frozen=True, slots=True)
class Teller:
    """What all outings on a site share. `every_s`: between pings; `in_hand`: apps are used all the time."""

    terrain: Terrain
    ear: Ear
    index: ZoneIndex
    stems: dict[str, list[bytes]]
    every_s: int
    in_hand: bool
    pace: Pace

    def lines(self, outing: Outing) -> Iterator[Told]:
        """In order of time."""
        person, way = outing.person, outing.visit.way
        seconds = int(way.ends_s - way.begins_s)
        attending = attend(person.phone, seconds, outing.draws, in_hand=self.in_hand)
        phase = int(outing.draws.integers(self.every_s))
        asked = np.arange(phase, seconds, self.every_s)
        heard = self.ear.hear(way, person.phone, attending, asked, outing.draws)
        trail = self.index.trail(way, seconds)
        pings = self._pings(outing, attending, trail, asked, heard)
        sent = [*self._beginning(outing), *self._reports(outing, pings), *_events(outing)]
        yield from sorted([*sent, *self._truth(outing, trail, pings)])

    def _beginning(self, outing: Outing) -> Iterator[Told]:
        """The app's first start and, where the brand knows who it is, its word on the person."""
        if not outing.first:
            return
        person, name = outing.person, outing.person.installation_id
        at_ms = round((outing.visit.way.begins_s - REGISTERS_BEFORE_S) * 1000)
        phone = person.phone
        said = {
            "installation_id": name,
            "platform": phone.platform,
            "model": phone.model,
            "os_version": phone.os_version,
            "app_version": "1.0",
            "locale": phone.locale,
            "time_zone": self.terrain.place.time_zone,
            "consents": {"location": person.location, "marketing": person.marketing},
        }
        told: list[tuple[str, dict[str, Any]]] = [("installation", said)]
        if person.customer_id is not None:
            consents = {"marketing": person.marketing}
            known = {"customer_id": person.customer_id, "attributes": person.attributes, "consents": consents}
            told += [
                ("customer", known),
                ("identify", {"installation_id": name, "customer_id": person.customer_id}),
            ]
        told.append(("response", {"installation_id": name, **_answers(person)}))
        for number, (kind, content) in enumerate(told):
            at = spelling.instants([(at_ms + 100 * number) / 1000])[0]
            yield Told(at_ms + 100 * number, False, spelling.spelled(kind, at, content))

    def _pings(
        self, outing: Outing, attending: Attending, trail: Trail, asked: Ints, heard: Heard
    ) -> "list[Measured]":
        """Those that bring something: a sighting, or a position."""
        draws, phone = outing.draws, outing.person.phone
        stems = self.stems[phone.platform]
        bounds = np.searchsorted(heard.ping, np.arange(len(asked) + 1))
        beacons, levels = heard.beacon.tolist(), heard.rssi_dbm.tolist()
        at_s = outing.visit.way.begins_s + 1 + asked.astype(np.float64)
        clocks = spelling.instants(at_s + phone.ahead_s)
        strange, fixed = draws.random((2, len(asked)))
        measured: list[Measured] = []
        for number, second in enumerate(asked.tolist()):
            sightings = [
                stems[beacons[each]] + b"%d}" % levels[each]
                for each in range(bounds[number], bounds[number + 1])
            ]
            listened = attending.used[second] or attending.listens[second] > 0
            if phone.tells_addresses and listened and strange[number] < STRANGER_SHARE:
                sightings.append(spelling.STRANGER + b"-88}")
            outside = trail.storey[second] == NOWHERE
            position = (
                self._fix(trail.degrees[second], draws) if outside and fixed[number] < FIX_SHARE else None
            )
            if sightings or (position and listened):
                line = spelling.spelled_ping(
                    f"{outing.day}-{len(measured):05d}",
                    clocks[number],
                    sightings,
                    position,
                    foreground=bool(attending.used[second]),
                )
                measured.append(Measured(second, float(at_s[number]), line))
        return measured

    def _fix(self, degrees: Floats, draws: np.random.Generator) -> bytes:
        """Some metres off, as between houses, and honest about it."""
        frame = self.terrain.place.frame
        longitude, latitude = frame.degrees(frame.metres(degrees) + draws.normal(0, FIX_M, 2))
        return spelling.spelled_position(
            float(longitude), float(latitude), float(draws.uniform(*FIX_ACCURACY_M))
        )

    def _reports(self, outing: Outing, pings: "list[Measured]") -> Iterator[Told]:
        person = outing.person
        requests = requests_of([ping.at_s for ping in pings], outing.draws, self.pace.network_scale)
        sent_s = np.array([request.at_s for request in requests], dtype=np.float64)
        at, clocks = spelling.instants(sent_s), spelling.instants(sent_s + person.phone.ahead_s)
        for number, request in enumerate(requests):
            lines = [pings[each].line for each in request.pings]
            line = spelling.spelled_report(person.installation_id, at[number], clocks[number], lines)
            yield Told(round(request.at_s * 1000), False, line)

    def _truth(self, outing: Outing, trail: Trail, pings: "list[Measured]") -> Iterator[Told]:
        """At every ping, and wherever the zone changes."""
        changes = np.flatnonzero(np.diff(trail.zone, prepend=NOWHERE - 1) | np.diff(trail.storey, prepend=-2))
        seconds = np.unique(np.concatenate((changes, [ping.second for ping in pings]))).astype(np.int64)
        at_s = outing.visit.way.begins_s + 1 + seconds.astype(np.float64)
        place = self.terrain.place
        site, names = spelling.encode(place.id), [spelling.encode(name) for name in self.index.names]
        floors = [spelling.encode(storey.id) for storey in place.storeys]
        for second, moment_s, at in zip(
            seconds.tolist(), at_s.tolist(), spelling.instants(at_s), strict=True
        ):
            floor, zone = int(trail.storey[second]), int(trail.zone[second])
            where = (
                site,
                b"null" if floor == NOWHERE else floors[floor],
                b"null" if zone == NOWHERE else names[zone],
            )
            line = spelling.spelled_truth(outing.person.installation_id, at, where, *trail.degrees[second])
            yield Told(round(moment_s * 1000), True, line)


class Measured(NamedTuple):
    """A ping as it stands in the phone's queue."""

    second: int
    at_s: float
    line: bytes


def _answers(person: Person) -> dict[str, float]:
    answers = person.answers
    return {name: getattr(answers, name) for name in answers.__slots__}


def _events(outing: Outing) -> Iterator[Told]:
    """What a till tells of those whom the brand knows; it does not know who the others are."""
    visit, person = outing.visit, outing.person
    if not outing.buys or visit.pays_s is None or person.customer_id is None:
        return
    at_ms = round((visit.pays_s + person.behind_s) * 1000)
    at = spelling.instants([at_ms / 1000])[0]
    zones = dict.fromkeys(stop.goal.zone.id for stop in visit.stops)
    event = {
        "event_id": f"till-{person.installation_id}-{outing.day}",
        "type": "purchase",
        "at": at.decode(),
        "amount": basket_eur(outing.draws),
        "currency": "EUR",
        "items": [{"id": zone} for zone in list(zones)[:MOST_ITEMS]],
    }
    yield Told(
        at_ms, False, spelling.spelled("event", at, {"customer_id": person.customer_id, "event": event})
    )
