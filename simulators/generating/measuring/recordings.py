"""Walks to take the radio's measure from: recorded ones, and made-up ones with a phone that listens all the time."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulators.generating.hearing import moments_of
from simulators.generating.measuring.statistics import Recording
from simulators.generating.phones import LOW_LATENCY
from simulators.generating.radio.ether import ether_of, storey_heights_m
from simulators.generating.radio.listening import EVENTS, deaf, listen
from simulators.generating.sites.place import place_of
from simulators.generating.walking.terrain import Terrain, terrain_of
from simulators.generating.walking.visit import draw_speed_m_s
from simulators.generating.walking.way import Walker, Way
from simulators.recorded import WalksError, read_sightings, read_ways, site_directories
from simulators.venue import Venue

if TYPE_CHECKING:
    from simulators.survey import Recorded

WALKS = 60
GOALS = 8  # of a walk


def recorded(directory: Path) -> Recording:
    """Every walk of every folder of a site, or of several sites. Raises WalksError."""
    rows: list[tuple[str, Recorded]] = []
    spans: dict[str, list[int]] = defaultdict(list)
    for site in site_directories(directory):
        for path in sorted(site.glob("*/sightings.csv.gz")):
            rows += [(f"{path.parent}/{row.trace}", row) for row in read_sightings(path.parent)]
            if (path.parent / "waypoints.csv.gz").exists():
                for trace, way in read_ways(path.parent).items():
                    spans[f"{path.parent}/{trace}"] += [way[0].t_ms, way[-1].t_ms]
    for walk, row in rows:
        if walk not in spans:
            spans[walk] += [row.t_ms]
    if not rows:
        raise WalksError(f"no sightings.csv.gz with a row in a folder of {directory}")
    walks = {walk: number for number, walk in enumerate(sorted(spans))}
    beacons = {mac: number for number, mac in enumerate(sorted({row.mac for _, row in rows}))}
    return Recording(
        walk=np.array([walks[walk] for walk, _ in rows]),
        at_s=np.array([(row.t_ms - min(spans[walk])) / 1000 for walk, row in rows]),
        beacon=np.array([beacons[row.mac] for _, row in rows]),
        rssi_dbm=np.array([row.rssi_dbm for _, row in rows]),
        lasts_s=[(max(spans[walk]) - min(spans[walk])) / 1000 for walk in sorted(spans)],
    )


def made_up(venue: Venue, seed: int, walks: int = WALKS) -> Recording:
    """Straight from zone to zone, as surveyors walk, with a median phone that scans all the time."""
    place = place_of(venue)
    terrain, ether = terrain_of(place), ether_of(place, seed)
    heights_m = storey_heights_m(place)
    parts: list[tuple[np.ndarray, ...]] = []
    lasts: list[float] = []
    for number in range(walks):
        draws = np.random.default_rng([seed, 31, number])
        way = _stroll(terrain, draws)
        second = np.arange(int(way.ends_s))
        listens = np.where(deaf(len(second), draws), 0.0, LOW_LATENCY.shares(second.astype(np.float64), 0.0))
        heard = listen(ether, moments_of(way, second, listens, heights_m), 0.0, draws)
        at_s = heard.moment + (heard.part + draws.random(len(heard.part))) / EVENTS
        parts.append((np.full(len(at_s), number), at_s, heard.beacon, heard.rssi_dbm))
        lasts.append(float(len(second)))
    walk, at_s, beacon, rssi = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Recording(walk, at_s, beacon, rssi, lasts)


def _stroll(terrain: Terrain, draws: np.random.Generator) -> Way:
    """On one floor: recorded walks each stay on theirs."""
    walker = Walker(terrain, draw_speed_m_s(draws), draws, 0.0)
    goals = [terrain.goals[int(index)] for index in draws.permutation(len(terrain.goals))]
    there = [goal for goal in goals if goal.storey == goals[0].storey][:GOALS]
    walker.appear(there[0].storey, there[0].nodes[0])
    for goal in there:
        walker.go_to(goal.storey, int(draws.choice(goal.nodes)))
    return walker.way()
