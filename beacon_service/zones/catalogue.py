"""The catalogue in memory: where everything is, without asking the database.

PostGIS holds the truth; the index answers as its `ST_Covers` does, boundaries included (how close the two
come is told in `tests/integration/zones`). `Places` is a value: an edit makes a new one, and whoever decides
with the old one goes on undisturbed.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from shapely.geometry.base import BaseGeometry

from beacon_service.configuration.model import Body, Documents
from beacon_service.hours import WeeklyHours
from beacon_service.zones.geometry import footprint
from beacon_service.zones.index import ZoneIndex
from beacon_service.zones.measured import changed, hours_of, measured
from beacon_service.zones.model import (
    Beacon,
    BeaconId,
    FloorId,
    Identity,
    Sighting,
    Site,
    SiteId,
    Zone,
    ZoneKey,
)
from beacon_service.zones.phones import normalised_model
from beacon_service.zones.radio_map import RadioMap
from beacon_service.zones.surveyed import Surveyed, Surveys
from beacon_service.zones.tagged import Tagged


@dataclass(frozen=True, slots=True)
class Floor:
    site: SiteId
    id: FloorId
    name: str
    level: int
    outline: BaseGeometry | None = field(repr=False, default=None)


class Transmitter(NamedTuple):
    """A beacon and what its status means: a quarantined one still transmits, though nothing is made of it."""

    beacon: Beacon
    active: bool
    transmits: bool


LoadMap: TypeAlias = Callable[[SiteId, int], RadioMap | None]


def _no_map(_site: SiteId, _number: int) -> RadioMap | None:
    return None


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Places:
    """Sites, floors, zones and beacons as of one version of the configuration."""

    sites: Mapping[SiteId, Site] = field(default_factory=_nothing)
    time_zones: tuple[ZoneInfo, ...] = ()  # of the sites, each once
    floors: Mapping[str, Floor] = field(default_factory=_nothing)  # by "site/floor"
    zones: Mapping[ZoneKey, Zone] = field(default_factory=_nothing)
    beacons: Mapping[BeaconId, Transmitter] = field(default_factory=_nothing)
    index: ZoneIndex = field(repr=False, default_factory=lambda: ZoneIndex(()))
    sensitive: frozenset[ZoneKey] = frozenset()
    tagged: Tagged = field(repr=False, compare=False, default_factory=Tagged)
    floor_counts: Mapping[SiteId, int] = field(repr=False, default_factory=Counter)
    surveys: Surveys = field(repr=False, default_factory=Surveys)
    # By model, how many dB it hears more than the median one.
    phones: Mapping[str, float] = field(default_factory=_nothing)
    # Every identity that some beacon has, with those that have it, by id; and with the one that transmits it, or that
    # did, None where several do.
    holders: Mapping[Identity, tuple[Transmitter, ...]] = field(repr=False, default_factory=_nothing)
    heard_as: Mapping[Identity, Transmitter | None] = field(repr=False, default_factory=_nothing)

    def updated(self, changes: Documents, load: LoadMap = _no_map) -> "Places":
        """These places with the changes applied; what did not change is shared, down to each zone and its ground.

        `load` answers the radio map of a site by its number, or None where it cannot be read: the site is then
        located by its beacons, as before its survey.
        """
        places = self
        if changes.names("site"):
            sites = changes.applied("site", self.sites, _site)
            zones_by_name = {site.time_zone.key: site.time_zone for site in sites.values()}
            time_zones = tuple(zones_by_name[name] for name in sorted(zones_by_name))
            places = replace(places, sites=sites, time_zones=time_zones)
        if changes.names("floor"):
            floors = changes.applied("floor", self.floors, _floor)
            counts = Counter(floor.site for floor in floors.values())
            places = replace(places, floors=floors, floor_counts=counts)
        if changes.names("zone"):
            places = _with_zones(places, measured(self.zones, changes))
        if changes.names("beacon"):
            places = _with_beacons(places, changes)
        if changes.names("zone", "radio_map"):
            places = replace(places, surveys=_surveys(self, places, changes, load))
        if changes.names("phone"):
            places = replace(places, phones=changes.applied("phone", self.phones, _phone_offset_db))
        return places

    def hours(self, zone: Zone) -> tuple[WeeklyHours, ...] | None:
        """When the zone is open, by the clocks of its site; None: always."""
        if zone.hours is not None:
            return zone.hours
        site = self.sites.get(zone.site)
        return site.hours if site else None

    def beacon(self, sighting: Sighting) -> Beacon | None:
        """The beacon that was heard, if that is certain and it is in use."""
        found = self.transmitter(sighting)
        return found.beacon if found is not None and found.active else None

    def is_out_of_use(self, sighting: Sighting) -> bool:
        """Whether it is of a beacon that was put into quarantine or retired: whatever a survey knows of it."""
        found = self._catalogued(sighting)
        return found is not None and not found.active

    def transmitter(self, sighting: Sighting) -> Transmitter | None:
        """The beacon that was heard, be it in use or in quarantine, if that is certain.

        A MAC tells radios apart that share one advertised identity, so where a beacon lists the MAC it alone
        is asked, even if that beacon is out of use. Otherwise the advertised identity decides, if exactly one
        beacon transmits it: one in quarantine does, so what it shares an identity with cannot be told from it
        without a MAC, and to take the one for the other would be to trust what was put out of trust. A retired
        beacon is gone and hides nobody.
        """
        found = self._catalogued(sighting)
        return found if found is not None and found.transmits else None

    def _catalogued(self, sighting: Sighting) -> Transmitter | None:
        if sighting.mac is not None and sighting.mac in self.heard_as:
            return self.heard_as[sighting.mac]
        return self.heard_as.get(sighting.identity) if sighting.identity is not None else None

    def phone_offset_db(self, model: str | None) -> float:
        """How many dB this model hears more than the median one; subtract it from its levels. 0.0 if unknown."""
        return self.phones.get(normalised_model(model), 0.0) if model and self.phones else 0.0


def _with_zones(before: Places, zones: Mapping[ZoneKey, Zone]) -> Places:
    keys = changed(before.zones, zones)
    sensitive = {key for key in keys if key in zones and zones[key].sensitive}
    return replace(
        before,
        zones=zones,
        index=ZoneIndex(zones.values(), before.index),
        sensitive=(before.sensitive - keys) | sensitive,
        tagged=before.tagged.updated(before.zones, zones, keys),
    )


def _with_beacons(before: Places, changes: Documents) -> Places:
    beacons = changes.applied("beacon", before.beacons, _transmitter)
    keys = [BeaconId(key) for key, _ in changes.of("beacon")]
    gone = [before.beacons[key] for key in keys if key in before.beacons]
    come = [beacons[key] for key in keys if key in beacons]
    coming: dict[Identity, list[Transmitter]] = {
        identity: [] for one in (*gone, *come) for identity in one.beacon.identities
    }
    for one in come:
        for identity in one.beacon.identities:
            coming[identity].append(one)
    holders, heard_as = dict(before.holders), dict(before.heard_as)
    for identity, new in coming.items():
        staying = [one for one in holders.pop(identity, ()) if one.beacon.id not in keys]
        heard_as.pop(identity, None)
        if held := tuple(sorted([*staying, *new], key=lambda one: one.beacon.id)):
            holders[identity], heard_as[identity] = held, _meant(held)
    return replace(
        before,
        beacons=beacons,
        holders=MappingProxyType(holders),
        heard_as=MappingProxyType(heard_as),
    )


def _surveys(before: Places, places: Places, changes: Documents, load: LoadMap) -> Surveys:
    """Maps that changed are loaded; cells are laid out anew where a zone over them is drawn otherwise than before."""
    known = before.surveys.sites
    sites = dict(known)
    keys = changed(before.zones, places.zones) if known else ()
    pairs = [(before.zones.get(key), places.zones.get(key)) for key in keys]
    for site, one in known.items():
        if any(one.is_moved_by(*pair) for pair in pairs):
            sites[site] = Surveyed.of(site, one.number, one.radio_map, places.index)
    for key, body in changes.of("radio_map"):
        site = SiteId(key)
        sites.pop(site, None)
        found = None if body is None else load(site, body["number"])
        if body is not None and found is not None:
            sites[site] = Surveyed.of(site, body["number"], found, places.index)
    return Surveys.of(sites.values()) if changed(known, sites) else before.surveys


def _site(body: Body) -> Site:
    return Site(SiteId(body["id"]), body["name"], ZoneInfo(body["time_zone"]), hours_of(body))


def _floor(body: Body) -> Floor:
    outline = footprint(body["outline"]) if body.get("outline") else None
    return Floor(SiteId(body["site"]), FloorId(body["id"]), body["name"], body["level"], outline)


def _transmitter(body: Body) -> Transmitter:
    beacon = Beacon(
        id=BeaconId(body["id"]),
        site=SiteId(body["site"]),
        floor=body["floor"],
        longitude=body["longitude"],
        latitude=body["latitude"],
        identities=tuple(Identity(identity) for identity in body["identities"]),
        tx_power_dbm=body["tx_power_dbm"],
    )
    return Transmitter(beacon, active=body["status"] == "active", transmits=body["status"] != "retired")


def _phone_offset_db(body: Body) -> float:
    return float(body["offset_db"])


def _meant(holders: Sequence[Transmitter]) -> Transmitter | None:
    """The one that transmits; the first of those that did where none does any more; None where several do."""
    transmitting = [one for one in holders if one.transmits]
    if len(transmitting) > 1:
        return None
    return (transmitting or holders)[0]
