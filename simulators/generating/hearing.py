"""What an app gathers for its pings: of each beacon one sighting, of the last few seconds before the ping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.generating.phones import Attending, Phone
from simulators.generating.radio.ether import Ether
from simulators.generating.radio.listening import Moments, Packets, deaf, listen
from simulators.generating.walking.way import Way

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Older than that, somebody who walks was elsewhere: apps report what they heard just now.
GATHERS_S = 5
MOST_SIGHTINGS = 20
UNKNOWN_LEVEL_SHARE = 0.02  # of an iPhone's sightings say 0: it does not know the level


@dataclass(frozen=True, slots=True)
class Heard:
    """Sightings of all pings of a visit, in order of `ping`, loudest first; `ping` counts the moments asked for."""

    ping: Ints
    beacon: Ints
    rssi_dbm: Ints


@dataclass(frozen=True, slots=True)
class Ear:
    """A phone in the air of a site. `ranged` says of each beacon whether iOS can range it."""

    ether: Ether
    heights_m: Floats
    ranged: NDArray[np.bool_]

    def hear(
        self,
        way: Way,
        phone: Phone,
        attending: Attending,
        at: Sequence[int] | Ints,
        draws: np.random.Generator,
    ) -> Heard:
        """`at`: the seconds of the way, counted from its begin, at whose ends pings are made."""
        ends = np.asarray(at, dtype=np.int64)
        every = int(np.diff(ends).min()) if len(ends) > 1 else GATHERS_S
        back = np.arange(min(GATHERS_S, every))[::-1]
        second = (ends[:, None] - back).ravel()
        ping = np.repeat(np.arange(len(ends)), len(back))
        quiet = deaf(len(attending.listens), draws)
        listens = np.where(quiet, 0.0, attending.listens)
        scanned = (second >= 0) & (listens[np.maximum(0, second)] > 0)
        second, ping = second[scanned], ping[scanned]
        packets = listen(self.ether, moments_of(way, second, listens, self.heights_m), phone.ear_db, draws)
        packets = self._told(packets, phone)
        return _gathered(packets, ping, len(self.ranged), phone, draws)

    def _told(self, packets: Packets, phone: Phone) -> Packets:
        if phone.tells_addresses:
            return packets
        kept = self.ranged[packets.beacon]
        return Packets(packets.moment[kept], packets.part[kept], packets.beacon[kept], packets.rssi_dbm[kept])


def moments_of(way: Way, second: Ints, listens: Floats, heights_m: Floats) -> Moments:
    """In the middle of each second."""
    middle_s = way.begins_s + 0.5 + second.astype(np.float64)
    x, y = way.spots(middle_s)
    leg = way.legs(middle_s)
    return Moments(
        storey=way.storey[leg],
        x=x,
        y=y,
        z=heights_m[way.storey[leg]],
        heading=way.heading[leg],
        walked_m=way.walked_m(middle_s),
        listens=listens[second],
    )


def _gathered(
    packets: Packets, ping_of: Ints, beacons: int, phone: Phone, draws: np.random.Generator
) -> Heard:
    """Android tells each packet, of which the last counts; iOS the mean of the last second that had any."""
    key = ping_of[packets.moment] * max(1, beacons) + packets.beacon
    newest_first = key[::-1]
    keys, from_end, which = np.unique(newest_first, return_index=True, return_inverse=True)
    last = len(key) - 1 - from_end
    rssi = packets.rssi_dbm[last]
    if not phone.tells_addresses and len(keys):
        moment = packets.moment[::-1]
        same = moment == packets.moment[last][which]
        counts = np.bincount(which[same], minlength=len(keys))
        sums = np.bincount(which[same], packets.rssi_dbm[::-1][same], minlength=len(keys))
        rssi = np.rint(sums / counts).astype(np.int64)
        rssi[draws.random(len(rssi)) < UNKNOWN_LEVEL_SHARE] = 0
    ping, beacon = np.divmod(keys, max(1, beacons))
    order = np.lexsort((beacon, -rssi, ping))
    ping, beacon, rssi = ping[order], beacon[order], rssi[order]
    kept = np.arange(len(ping)) - np.searchsorted(ping, ping) < MOST_SIGHTINGS
    return Heard(ping[kept], beacon[kept], rssi[kept])


def can_be_ranged(identities: Mapping[str, object]) -> bool:
    return "ibeacon" in identities
