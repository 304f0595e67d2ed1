"""One run: the smallest database measured, then one factor after the other made larger, then all of them together."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from beacon_service.cluster import Cluster
from beacon_service.pings import snapshots
from beacon_service.settings import libpq_url
from benchmarks.cluster import copy_database, durable_cluster, settle
from benchmarks.growth import chain, filling, history
from benchmarks.growth.disk import BytesPerRow, refined, refusal
from benchmarks.growth.measuring import Figures, Ground, measure
from benchmarks.growth.report import Result
from benchmarks.growth.sizes import Course, Point, Size
from benchmarks.service import people
from benchmarks.telling import counted, progress, told

GROUND, BASE = "ground", "base"


@dataclass(slots=True)
class Run:
    """What there is so far; told also when the run ends early."""

    course: Course
    disk_bytes: int
    results: list[Result] = field(default_factory=list)
    per: BytesPerRow | None = None  # as the service's own rows took
    reckoned: BytesPerRow | None = None  # the same, or what rows took that were filled in since
    snapshot: float | None = None

    def all(self) -> None:
        with durable_cluster() as cluster:
            zone_bytes, customer_bytes = self._found(cluster)
            base_url = self._base(cluster, zone_bytes, customer_bytes)
            for factor in ("zones", "customers", "decisions"):
                self._grown(cluster, base_url, self.course.grown(factor))
            self._grown(cluster, base_url, [Point("all", self.course.largest)])

    def _found(self, cluster: Cluster) -> tuple[float, float]:
        """The database that all others begin as; bytes of a zone and of a customer in it."""
        base = self.course.base
        with told(f"{base.customers:,} customers"):
            url = copy_database(cluster, GROUND)
            people.found(url, base.customers)
        before = filling.table_bytes(url)
        customer = sum(before[table] for table in ("customers", "installations", "consents")) / base.customers
        with told(f"{base.zones:,} zones and three campaigns for each kind of them"):
            for _ in filling.add_shops(url, 0, chain.shops_of(base.zones)):
                pass
            after = filling.table_bytes(url)
            filling.add_campaigns(url)
            settle(url)
        zone = sum(after[table] - before[table] for table in ("zones", "catalogue_log")) / base.zones
        return zone, customer

    def _base(self, cluster: Cluster, zone_bytes: float, customer_bytes: float) -> str:
        """Measured with one web process and with more; what rows take is known from then on."""
        url = copy_database(cluster, BASE, template=GROUND)
        figures = self._measured(cluster, url, Point("base", self.course.base), slot=0)
        grown = figures.grown
        self.per = BytesPerRow(
            zone_bytes, customer_bytes, grown.decision, grown.grant, grown.move, grown.ping, grown.presence
        )
        self.reckoned = self.per
        for slot, point in enumerate(self.course.grown("web"), start=1):
            self._measured(cluster, url, point, slot)
        with told("a day's snapshot"):
            self.snapshot = _snapshot_bytes(url) / self.course.base.customers
        return url

    def _grown(self, cluster: Cluster, base_url: str, points: list[Point]) -> None:
        """One database that grows from point to point; what has no room is left out, and so is what is larger."""
        if not points:
            return
        name = points[0].factor
        have, url = self.course.base, copy_database(cluster, name, template=GROUND)
        for slot, point in enumerate(points):
            no_room = self._no_room(cluster, point.size)
            if no_room is not None:
                progress.print(f"{point.label}: left out, {no_room}", markup=False, style="yellow")
                self.results.append(Result(point, left_out=no_room))
                continue
            began = time.perf_counter()
            before = filling.table_bytes(url)
            _grow(url, base_url, point.size, have)
            fill_s = time.perf_counter() - began
            assert self.reckoned is not None, "the base was measured"
            self.reckoned = refined(self.reckoned, point.size, have, before, filling.table_bytes(url))
            self._measured(cluster, url, point, slot, fill_s=fill_s)
            have = point.size
        with cluster.connect(database="postgres") as server:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))

    def _no_room(self, cluster: Cluster, size: Size) -> str | None:
        assert self.reckoned is not None, "the base was measured"
        return refusal(size, self.reckoned, free=shutil.disk_usage(cluster.home).free, limit=self.disk_bytes)

    def _measured(
        self, cluster: Cluster, url: str, point: Point, slot: int, *, fill_s: float = 0.0
    ) -> Figures:
        with told(f"measuring {point.label}"):
            figures = measure(Ground(cluster, url, point.size, slot, self.course.seconds))
        self.results.append(Result(point, figures, fill_s=fill_s))
        return figures


def _grow(url: str, base_url: str, size: Size, have: Size) -> None:
    if size.customers > have.customers:
        with counted(f"{size.customers:,} customers", size.customers - have.customers) as done:
            for upto in people.add(url, have.customers, size.customers):
                done(upto - have.customers)
    if size.zones > have.zones:
        shops = chain.shops_of(size.zones), chain.shops_of(have.zones)
        with counted(f"{size.zones:,} zones in {shops[0]} shops", shops[0] - shops[1]) as done:
            for upto in filling.add_shops(url, shops[1], shops[0]):
                done(upto - shops[1])
    if size.decisions > have.decisions:
        history.sample(base_url, url)
        for rows, parts in _by_table(history.add_ledger(url, size, have)):
            with counted(f"{rows} of {size.decisions:,} decisions", 1) as done:
                for upto, of in parts:
                    done(upto / max(1, of))
    with told("vacuuming and telling the planner"):
        settle(url)


def _by_table(parts: Iterator[tuple[str, int, int]]) -> Iterator[tuple[str, Iterator[tuple[int, int]]]]:
    """The parts of one table after the other; each table's are to be taken before the next is asked for."""
    waiting = next(parts, None)
    while waiting is not None:
        table = waiting[0]

        def of_table(table: str = table) -> Iterator[tuple[int, int]]:
            nonlocal waiting
            while waiting is not None and waiting[0] == table:
                yield waiting[1], waiting[2]
                waiting = next(parts, None)

        yield table, of_table()


def _snapshot_bytes(url: str) -> int:
    """What the leading worker writes once a day: the rows of all customers, phones and shared counts."""
    before = filling.table_bytes(url)["snapshot_rows"]
    with closing(psycopg.connect(libpq_url(url))) as connection:
        day = connection.execute("SELECT current_date, now()").fetchone()
        connection.rollback()
        assert day is not None, "a day is a row"
        snapshots.take(connection, *day)
        connection.commit()
    return filling.table_bytes(url)["snapshot_rows"] - before
