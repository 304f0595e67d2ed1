"""Where beacons hang, learned from a survey: walks of a phone whose way is known.

A beacon is placed at the weighted middle of the spots where it was heard loudest; loud means near, and the
few loudest hearings say more than the many faint ones. What cannot be placed honestly is left out: beacons
heard too seldom, and addresses that rotate, since an address that is gone in a quarter of an hour marks no
place.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from beacon_service.positioning.naming import rotates

LOUDEST = 10  # hearings that place a beacon; more of them pull it towards the middle of the floor
FEWEST_HEARINGS = 5
FEWEST_WALKS = 2  # a transmitter met on one walk only may well have walked along
BESIDE_WAY_MS = 1_000  # how far before the first and after the last waypoint a position is still believed
PLAUSIBLE_TX_POWER_DBM = range(-90, -39)  # at 1 m; recorded data also says 0 and -2


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of recorded sightings: what was heard, on which walk, when."""

    trace: str
    t_ms: int
    identity: tuple[str, int, int]  # iBeacon uuid, major, minor
    mac: str
    tx_power_dbm: int
    rssi_dbm: int


@dataclass(frozen=True, slots=True)
class Waypoint:
    t_ms: int
    floor: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A beacon found. `identity` is None where several addresses share it: only those tell them apart."""

    mac: str
    identity: tuple[str, int, int] | None
    floor: str
    latitude: float
    longitude: float
    tx_power_dbm: int | None


def place_beacons(rows: Iterable[Recorded], ways: Mapping[str, Sequence[Waypoint]]) -> tuple[Placed, ...]:
    """The beacons that the survey can place, by address. `ways`: waypoints of each trace in order of time."""
    by_mac: dict[str, list[Recorded]] = defaultdict(list)
    for row in rows:
        by_mac[row.mac].append(row)
    sharing = macs_of_identities(by_mac)
    rotating = {mac for macs in sharing.values() if rotates(lives(by_mac, macs)) for mac in macs}
    placed = []
    for mac in sorted(by_mac.keys() - rotating):
        alone = len(sharing[by_mac[mac][0].identity]) == 1
        beacon = place_one(by_mac[mac], ways, alone=alone)
        if beacon is not None:
            placed.append(beacon)
    return tuple(placed)


def macs_of_identities(by_mac: Mapping[str, Sequence[Recorded]]) -> dict[tuple[str, int, int], set[str]]:
    sharing: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    for mac, rows in by_mac.items():
        for row in rows:
            sharing[row.identity].add(mac)
    return sharing


def lives(by_mac: Mapping[str, Sequence[Recorded]], macs: Iterable[str]) -> list[list[int]]:
    """When each of these addresses was heard."""
    return [[row.t_ms for row in by_mac[mac]] for mac in macs]


def place_one(
    rows: Sequence[Recorded], ways: Mapping[str, Sequence[Waypoint]], *, alone: bool
) -> Placed | None:
    """The middle of the loudest hearings, on the floor with most of their weight; None on thin evidence."""
    heard = [(row, spot) for row in rows if (spot := position_at(ways.get(row.trace, ()), row.t_ms))]
    if len(heard) < FEWEST_HEARINGS or len({row.trace for row, _ in heard}) < FEWEST_WALKS:
        return None
    heard.sort(key=lambda each: (-each[0].rssi_dbm, each[0].t_ms))
    weighted = [(weight(row.rssi_dbm), spot) for row, spot in heard[:LOUDEST]]
    floors: dict[str, float] = defaultdict(float)
    for share, spot in weighted:
        floors[spot.floor] += share
    floor = max(sorted(floors), key=lambda each: floors[each])
    there = [(share, spot) for share, spot in weighted if spot.floor == floor]
    total = sum(share for share, _ in there)
    return Placed(
        mac=rows[0].mac,
        identity=rows[0].identity if alone else None,
        floor=floor,
        latitude=round(sum(share * spot.latitude for share, spot in there) / total, 8),
        longitude=round(sum(share * spot.longitude for share, spot in there) / total, 8),
        tx_power_dbm=believable_tx_power(rows),
    )


def weight(rssi_dbm: int) -> float:
    """Power received, in arbitrary units: -60: 1, -70: 0.1, -80: 0.01; in free space 1 / distance squared."""
    return float(10 ** ((rssi_dbm + 60) / 10))


def believable_tx_power(rows: Sequence[Recorded]) -> int | None:
    told = [row.tx_power_dbm for row in rows if row.tx_power_dbm in PLAUSIBLE_TX_POWER_DBM]
    return round(median(told)) if told else None


def position_at(way: Sequence[Waypoint], t_ms: int) -> Waypoint | None:
    """The walker's place, straight between two waypoints; None outside the time that they cover."""
    if not way or not way[0].t_ms - BESIDE_WAY_MS <= t_ms <= way[-1].t_ms + BESIDE_WAY_MS:
        return None
    after = bisect_right(way, t_ms, key=lambda waypoint: waypoint.t_ms)
    if after in (0, len(way)):
        return way[min(after, len(way) - 1)]
    start, end = way[after - 1], way[after]
    share = (t_ms - start.t_ms) / (end.t_ms - start.t_ms)
    return Waypoint(
        t_ms,
        start.floor,
        start.latitude + share * (end.latitude - start.latitude),
        start.longitude + share * (end.longitude - start.longitude),
    )
