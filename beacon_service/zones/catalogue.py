"""The catalogue in memory: where everything is, without asking the database.

PostGIS holds the truth; the index answers as its `ST_Covers` does, boundaries included (how close the two
come is told in `tests/integration/zones`). `Places` is a value: an edit makes a new one, and whoever decides
with the old one goes on undisturbed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from shapely.geometry.base import BaseGeometry

from beacon_service.configuration.model import Body, Documents
from beacon_service.hours import WeeklyHours
from beacon_service.zones.categories import SENSITIVE
from beacon_service.zones.geometry import areas_m2, footprint
from beacon_service.zones.index import ZoneIndex
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
    zone_key,
)
from beacon_service.zones.nesting import depths
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
    # Every identity that some beacon has, with the one that transmits it, or that did; None where several do.
    _heard_as: Mapping[Identity, Transmitter | None] = field(repr=False, default_factory=_nothing)

    def updated(self, changes: Documents, load: LoadMap = _no_map) -> "Places":
        """These places with the changes applied; what did not change is shared, not copied.

        `load` answers the radio map of a site by its number, or None where it cannot be read: the site is then
        located by its beacons, as before its survey.
        """
        places = replace(
            self,
            sites=changes.applied("site", self.sites, _site),
            floors=changes.applied("floor", self.floors, _floor),
        )
        if changes.names("site"):
            zones_by_name = {site.time_zone.key: site.time_zone for site in places.sites.values()}
            places = replace(places, time_zones=tuple(zones_by_name[name] for name in sorted(zones_by_name)))
        if changes.names("floor"):
            counts = Counter(floor.site for floor in places.floors.values())
            places = replace(places, floor_counts=counts)
        if changes.names("zone"):
            zones = _with_measures(changes.applied("zone", self.zones, _zone))
            sensitive = frozenset(key for key, zone in zones.items() if zone.sensitive)
            places = replace(
                places,
                zones=zones,
                index=ZoneIndex(zones.values()),
                sensitive=sensitive,
                tagged=Tagged(zones.values()),
            )
        if changes.names("beacon"):
            beacons = changes.applied("beacon", self.beacons, _transmitter)
            places = replace(places, beacons=beacons, _heard_as=_heard_as(beacons.values()))
        if changes.names("zone", "radio_map"):
            places = replace(places, surveys=_surveys(places, changes, load))
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
        if sighting.mac is not None and sighting.mac in self._heard_as:
            return self._heard_as[sighting.mac]
        return self._heard_as.get(sighting.identity) if sighting.identity is not None else None

    def phone_offset_db(self, model: str | None) -> float:
        """How many dB this model hears more than the median one; subtract it from its levels. 0.0 if unknown."""
        return self.phones.get(normalised_model(model), 0.0) if model and self.phones else 0.0


def _surveys(places: Places, changes: Documents, load: LoadMap) -> Surveys:
    """Maps that changed are loaded; the cells of all are laid out anew over the zones as they are now."""
    maps = {site: (one.number, one.radio_map) for site, one in places.surveys.sites.items()}
    for key, body in changes.of("radio_map"):
        site = SiteId(key)
        maps.pop(site, None)
        found = None if body is None else load(site, body["number"])
        if body is not None and found is not None:
            maps[site] = (body["number"], found)
    return Surveys.of(
        Surveyed.of(site, number, radio_map, places.index) for site, (number, radio_map) in maps.items()
    )


def _site(body: Body) -> Site:
    return Site(SiteId(body["id"]), body["name"], ZoneInfo(body["time_zone"]), _hours(body))


def _floor(body: Body) -> Floor:
    outline = footprint(body["outline"]) if body.get("outline") else None
    return Floor(SiteId(body["site"]), FloorId(body["id"]), body["name"], body["level"], outline)


def _zone(body: Body) -> Zone:
    return Zone(
        key=zone_key(body["site"], body["id"]),
        site=SiteId(body["site"]),
        floor=body["floor"],
        name=body["name"],
        geometry=footprint(body["geometry"], body.get("radius_m")),
        tags=frozenset(body["tags"]),
        priority=body["priority"],
        sensitive=body["sensitive"] or body.get("category") in SENSITIVE,
        dwell_s=tuple(sorted(body["dwell_s"])),
        enter_confirm=body["enter_confirm"],
        exit_hold_s=body["exit_hold_s"],
        parent=zone_key(body["site"], body["parent"]) if body.get("parent") else None,
        hours=_hours(body),
    )


def _hours(body: Body) -> tuple[WeeklyHours, ...] | None:
    """Documents of earlier versions say nothing of hours."""
    given = body.get("hours")
    return given and tuple(WeeklyHours.read(one["days"], one["opens"], one["closes"]) for one in given)


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


def _with_measures(zones: Mapping[ZoneKey, Zone]) -> Mapping[ZoneKey, Zone]:
    """Each zone with its area, and with its depth among the zones as they are now."""
    found = tuple(zones.values())
    areas = areas_m2([zone.geometry for zone in found])
    measured = [replace(zone, area_m2=area) for zone, area in zip(found, areas, strict=True)]
    nested = zip(measured, depths(measured), strict=True)
    return MappingProxyType({zone.key: replace(zone, depth=depth) for zone, depth in nested})


def _heard_as(transmitters: Iterable[Transmitter]) -> Mapping[Identity, Transmitter | None]:
    holders: dict[Identity, list[Transmitter]] = {}
    for one in transmitters:
        for identity in one.beacon.identities:
            holders.setdefault(identity, []).append(one)
    return MappingProxyType({identity: _meant(held) for identity, held in holders.items()})


def _meant(holders: Sequence[Transmitter]) -> Transmitter | None:
    """The one that transmits; the first of those that did where none does any more; None where several do."""
    transmitting = [one for one in holders if one.transmits]
    if len(transmitting) > 1:
        return None
    return (transmitting or holders)[0]
