"""What positioning by a radio map costs: learning it, loading it, and locating one ping, on one core."""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from beacon_service.positioning.locate import Remembered, locate_all, sense
from beacon_service.positioning.survey_files import read_sightings
from beacon_service.zones.packed_map import packed, unpacked
from simulators.locate import SITE, pings_of, places_of

ROUNDS = 3
MOST_PINGS = 3_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor to learn, milliseconds to unpack, MB packed and in memory, microseconds a ping."""

    learn_s: float
    unpack_ms: float
    packed_mb: float
    memory_mb: float
    pings: int
    ping_us: float  # the median
    ping_p99_us: float

    def __str__(self) -> str:
        return (
            f"learned in {self.learn_s:.1f} s of processor; {self.packed_mb:.1f} MB packed, {self.memory_mb:.1f} MB "
            f"in memory, unpacked in {self.unpack_ms:.0f} ms; one ping located in {self.ping_us:.0f} us at the median, "
            f"{self.ping_p99_us:.0f} us at the 99th percentile ({self.pings:,} pings, each the fastest of {ROUNDS})"
        )


def measure(site: Path, walks: str = "dev") -> Cost:
    """`site` has survey/ and a folder of walks; every ping is located as the engine does it, one by one."""
    began = time.process_time()
    places = places_of(site / "zones.geojson", survey=site / "survey")
    learned_s = time.process_time() - began
    radio_map = places.surveys.sites[SITE].radio_map
    stored = packed(radio_map)
    began = time.perf_counter()
    unpacked(stored)
    unpack_ms = (time.perf_counter() - began) * 1000
    sent = [pings_of(heard) for heard in read_sightings(site / walks / "sightings.csv.gz").values()]
    fastest: list[float] = []
    for number in range(ROUNDS):
        took: list[float] = []
        for pings in sent:
            remembered = Remembered()
            for ping in pings[: max(1, MOST_PINGS - len(took))]:
                began = time.perf_counter()
                sensed = sense(places, remembered, ping.sightings, None, ping.at)
                locate_all(places, [sensed])
                took.append((time.perf_counter() - began) * 1e6)
                remembered = Remembered(sensed.heard, sensed.belief)
        fastest = took if number == 0 else [min(pair) for pair in zip(fastest, took, strict=True)]
    arrays = (
        radio_map.surprise,
        radio_map.prints,
        radio_map.print_cells,
        radio_map.cells,
        radio_map.walkable,
    )
    return Cost(
        learn_s=learned_s,
        unpack_ms=unpack_ms,
        packed_mb=len(stored) / 1e6,
        memory_mb=sum(array.nbytes for array in arrays) / 1e6,
        pings=len(fastest),
        ping_us=median(fastest),
        ping_p99_us=sorted(fastest)[int(len(fastest) * 0.99)],
    )
