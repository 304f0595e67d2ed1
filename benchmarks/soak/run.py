"""One soak: the database filled, the load found that can be borne, phones sent for as long as was asked, all judged."""

import shutil
from dataclasses import dataclass, field

from beacon_service.cluster import Cluster
from benchmarks.cluster import copy_database, durable_cluster, settle
from benchmarks.growth import filling
from benchmarks.growth.disk import GB, WORKING_BYTES
from benchmarks.growth.measuring import Ground, Wrongs, singles
from benchmarks.growth.sizes import Size
from benchmarks.servers import Server
from benchmarks.service import people
from benchmarks.service.asking import Refused
from benchmarks.service.contestant import Service
from benchmarks.service.programs import working
from benchmarks.soak import bloat
from benchmarks.soak.phones import Reporting, people_for
from benchmarks.soak.steadiness import Judged, Sample, judged_bloat, judged_memory, judged_p99
from benchmarks.soak.watching import Watched, watching
from benchmarks.telling import told

ZONES, CUSTOMERS = 1_000, 50_000
SATURATING_S = 8.0
EXPIRES_AFTER_S = 300
# A ping with its share of decisions, grants and moves, generously: `make bench-growth` measures it.
BYTES_A_PING = 2_500


@dataclass(slots=True)
class Soak:
    """What there is so far; told also when the soak ends early."""

    seconds: float
    every_s: float
    web: int
    rate: float | None = None
    saturation: float | None = None
    answered: int = 0
    wrong: int = 0
    first_wrong: str | None = None
    samples: list[Sample] = field(default_factory=list)
    verdicts: list[Judged] = field(default_factory=list)

    def all(self) -> None:
        with durable_cluster() as cluster:
            url = copy_database(cluster, "soak")
            with told("filling the database"):
                people.found(url, CUSTOMERS)
                for _ in filling.add_shops(url, 0, 1):
                    pass
                filling.add_campaigns(url, expires_after_s=EXPIRES_AFTER_S)
                settle(url)
            with Service(url, self.web).serving() as server, working(url) as worker:
                rate = self._chosen_rate(cluster, url, server)
                customers = people_for(rate, self.seconds)
                self._insist_on_room(cluster, rate)
                with told(f"{customers:,} customers"):
                    for _ in people.add(url, CUSTOMERS, customers):
                        pass
                    settle(url)
                phones = Reporting(server.port, rate, customers, 1)
                self._soak(Watched(cluster, url, server.pid, worker, phones))
            names = sorted({name for sample in self.samples for name in sample.memory_mb})
            self.verdicts += [judged_memory(name, self.samples) for name in names]
            self.verdicts.append(judged_p99(self.samples))
            with told("what tables hold and what they need"):
                self.verdicts += [
                    judged_bloat(table, held=held, needed=needed) for table, held, needed in bloat.sizes(url)
                ]

    def _chosen_rate(self, cluster: Cluster, url: str, server: Server) -> float:
        with told("how many single pings a second they answer at most"):
            wrongs = Wrongs(1)
            size = Size(ZONES, CUSTOMERS, 0, self.web)
            speed = singles(Ground(cluster, url, size, 0, SATURATING_S), server, wrongs)
        self.saturation = speed.pings_per_s
        self.rate = self.rate or self.saturation / 2
        self._note(wrongs)
        return self.rate

    def _insist_on_room(self, cluster: Cluster, rate: float) -> None:
        need = round(rate * self.seconds * BYTES_A_PING) + WORKING_BYTES
        free = shutil.disk_usage(cluster.home).free
        if need > free:
            raise Refused(f"so long a soak needs {need / GB:.0f} GB of disk, and {free / GB:.0f} are free")

    def _soak(self, watched: Watched) -> None:
        phones = watched.phones
        with (
            told(f"{self.rate:,.0f} pings a second for {self.seconds / 60:.1f} minutes"),
            watching(watched, self.every_s, self.samples),
        ):
            try:
                phones.run(self.seconds)
            finally:
                self.answered = phones.answered
                self._note(phones.wrongs)

    def _note(self, wrongs: Wrongs) -> None:
        self.wrong += wrongs.count
        self.first_wrong = self.first_wrong or wrongs.first
