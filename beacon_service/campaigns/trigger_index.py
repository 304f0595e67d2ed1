"""Campaigns by what triggers them: a moment finds its candidates by dict lookups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from beacon_service.campaigns.model import Campaign, Trigger
from beacon_service.zones.model import Zone, ZoneKey

# A zone's key, or (tag, site or None for any site): what a trigger names.
Place: TypeAlias = str | tuple[str, str | None]
# Where, which, and after how long a stay or within how many metres.
_Move: TypeAlias = tuple[Place, str, int | None]
_Measures: TypeAlias = Mapping[Place, frozenset[int]]


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TriggerIndex:
    """Made of all campaigns of a version; drafts are nobody's candidates."""

    _moves: Mapping[_Move, tuple[Campaign, ...]] = field(repr=False, default_factory=_nothing)
    _dwells: _Measures = field(repr=False, default_factory=_nothing)
    _nears: _Measures = field(repr=False, default_factory=_nothing)
    _elsewhere: tuple[Campaign, ...] = field(repr=False, default=())  # of events and absences, by id
    _waited_at: frozenset[Place] = field(
        repr=False, default=frozenset()
    )  # where published campaigns wait for a move

    @classmethod
    def of(cls, campaigns: Iterable[Campaign]) -> "TriggerIndex":
        known = sorted(campaigns, key=lambda campaign: campaign.id)
        elsewhere = tuple(one for one in known if one.status == "published" and one.trigger.move is None)
        waiting = (one for one in known if one.status == "published" and one.trigger.move is not None)
        waited_at = frozenset(place for one in waiting for place in _named(one.trigger))
        return cls(
            _by_move(known), _measures(known, "dwelled"), _measures(known, "approached"), elsewhere, waited_at
        )

    def candidates(self, zone: Zone, move: str, measure: int | None) -> tuple[Campaign, ...]:
        """The campaigns whose trigger names this zone and move, by id.

        `measure`: the seconds of a dwell, or the metres of an approach.
        """
        found = [
            named for place in _places(zone) if (named := self._moves.get((place, move, measure))) is not None
        ]
        if len(found) < 2:  # as most zones are named: each tuple is in order already
            return found[0] if found else ()
        several = {campaign.id: campaign for campaigns in found for campaign in campaigns}
        return tuple(several[campaign_id] for campaign_id in sorted(several))

    def after_event(self, kind: str) -> tuple[Campaign, ...]:
        """The published campaigns that an event of that type triggers, by id."""
        return tuple(one for one in self._elsewhere if one.trigger.event == kind)

    def of_absence(self) -> tuple[Campaign, ...]:
        """The published campaigns that an absence triggers, by id."""
        return tuple(one for one in self._elsewhere if one.trigger.absent_days is not None)

    def waits_at(self, zone: Zone) -> bool:
        """Whether a published campaign's trigger names this zone, with whatever move."""
        return not self._waited_at.isdisjoint(_places(zone))

    def dwells(self, zone: Zone) -> tuple[int, ...]:
        """The thresholds that a stay in the zone arms: its own and published campaigns', ascending."""
        thresholds = set(zone.dwell_s).union(*(self._dwells.get(place, ()) for place in _places(zone)))
        return tuple(sorted(thresholds))

    def nears(self, zone: Zone) -> tuple[int, ...]:
        """From how many metres published campaigns want to know who approaches the zone, ascending."""
        if not self._nears or zone.sensitive:
            return ()
        return tuple(sorted(frozenset().union(*(self._nears.get(place, ()) for place in _places(zone)))))

    def measures_of(
        self, zones: Iterable[Zone]
    ) -> tuple[dict[ZoneKey, tuple[int, ...]], dict[ZoneKey, tuple[int, ...]]]:
        """`dwells` and `nears` of each zone that has any; zones that carry the same tags are looked up once."""
        dwells: dict[ZoneKey, tuple[int, ...]] = {}
        nears: dict[ZoneKey, tuple[int, ...]] = {}
        alike: dict[tuple[object, ...], tuple[tuple[int, ...], tuple[int, ...]]] = {}
        for zone in zones:
            name: tuple[object, ...] = (zone.site, zone.tags, zone.dwell_s, zone.sensitive)
            if zone.key in self._dwells or zone.key in self._nears:
                name = (zone.key,)
            found = alike.get(name)
            if found is None:
                found = alike[name] = self.dwells(zone), self.nears(zone)
            if found[0]:
                dwells[zone.key] = found[0]
            if found[1]:
                nears[zone.key] = found[1]
        return dwells, nears

    @property
    def measures(self) -> tuple[_Measures, _Measures]:
        """What published campaigns wait for at which places: seconds of a stay, and metres."""
        return self._dwells, self._nears


def _places(zone: Zone) -> list[Place]:
    tagged = [(tag, site) for tag in zone.tags for site in (zone.site, None)]
    return [zone.key, *tagged]


def _named(trigger: Trigger) -> list[Place]:
    return [*trigger.zones, *((tag, trigger.site) for tag in trigger.tags)]


def _by_move(campaigns: Iterable[Campaign]) -> Mapping[_Move, tuple[Campaign, ...]]:
    index: dict[_Move, list[Campaign]] = {}
    for campaign in campaigns:
        if campaign.status in {"draft", "archived"} or campaign.trigger.move is None:
            continue
        for place in _named(campaign.trigger):
            index.setdefault((place, campaign.trigger.move, campaign.trigger.measure), []).append(campaign)
    return MappingProxyType({key: tuple(found) for key, found in index.items()})


def _measures(campaigns: Iterable[Campaign], move: str) -> _Measures:
    """By place, the seconds or metres that published campaigns of that move wait for."""
    measures: dict[Place, frozenset[int]] = {}
    for campaign in campaigns:
        measure = campaign.trigger.measure
        if campaign.status != "published" or campaign.trigger.move != move or measure is None:
            continue
        for place in _named(campaign.trigger):
            measures[place] = measures.get(place, frozenset()) | {measure}
    return MappingProxyType(measures)
