"""What one size costs: a fresh server, its first ping, batches, single pings, and edits with the ping after each."""

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from beacon_service import cluster as private_cluster
from beacon_service.cluster import Cluster
from benchmarks import workload
from benchmarks.checking import Verdict, check
from benchmarks.cluster import checkpoint
from benchmarks.contestants import Answer, Exchange
from benchmarks.growth import chain, filling
from benchmarks.growth.sizes import Size
from benchmarks.loader import drive, latencies_ms, percentiles
from benchmarks.processors import spent
from benchmarks.rounds import by_lane, lanes_of
from benchmarks.servers import Server
from benchmarks.service.asking import Asked, asking, edit
from benchmarks.service.contestant import BATCH, Service, batches, read_answer, single
from benchmarks.workload import Mix, PlannedPing

SEED, MIX = 1, Mix()
# As the benchmark sends them: gateways and phones.
GATEWAYS, PHONES = 8, 64
BATCH_PARTIES, SINGLE_PARTIES, SINGLE_PARTY = 48, 128, 20
# Who is only placed, one ping each: the first on a fresh server, and one after each edit.
STANDING = 64
EDITS = 3
# So many connections are opened one after the other that each web process has answered one of them, nearly surely.
FIRST_PINGS_A_PROCESS = 8


@dataclass(frozen=True, slots=True)
class Speed:
    """Of a closed loop. Microseconds of a processor for each ping: of all web processes, and of all of PostgreSQL's."""

    pings_per_s: float
    p50_ms: float
    p99_ms: float
    web_us: float
    postgres_us: float
    pings: int


@dataclass(frozen=True, slots=True)
class Grown:
    """Bytes by which tables and indexes grew in a measuring, for each row that must have come of its pings.

    `presence`: of each phone, and almost nothing where phones have been seen before.
    """

    ping: float
    presence: float
    decision: float
    grant: float
    move: float

    @property
    def decided(self) -> float:
        """A decision with its move and its share of grants, as the mix has them."""
        return self.decision + self.move + self.grant * self.grants_share

    grants_share: float = 0.25


@dataclass(frozen=True, slots=True)
class Figures:
    batch: Speed
    single: Speed
    web_mb: float
    start_s: float
    first_ping_s: float
    edit_ms: dict[str, float]  # of a zone and of a campaign: until the edit is answered
    rebuild_ms: dict[str, float]  # the first ping after it
    database_bytes: int
    table_bytes: dict[str, int]
    grown: Grown
    wrong: int
    first_wrong: str | None

    @property
    def sound(self) -> bool:
        return self.wrong == 0


@dataclass(frozen=True, slots=True)
class Ground:
    """Where is measured: people of one slot of the customers of a database."""

    cluster: Cluster
    url: str
    size: Size
    slot: int
    seconds: float

    @property
    def shops(self) -> int:
        return chain.shops_of(self.size.zones)

    def people(self, first: int, count: int) -> list[int]:
        assert first + count <= chain.walkers(self.slot, self.size.customers), "a slot has too few people"
        return [chain.walker(place, self.slot, self.size.customers) for place in range(first, first + count)]

    def party(self, first: int, count: int) -> list[PlannedPing]:
        return chain.party(self.people(first, count), self.shops, seed=SEED, mix=MIX)


@dataclass(frozen=True, slots=True)
class InShops:
    """Reads answers in the workload's words; a zone of the right name in the wrong shop is another zone."""

    shops: int

    def read(self, exchange: Exchange, body: bytes) -> Answer:
        answer = read_answer(body)
        theirs = {
            workload.person_name(ping.person): chain.shop_name(
                chain.shop_of(ping.person, self.shops, seed=SEED)
            )
            for ping in exchange.pings
        }
        strayed = {
            (event["installation_id"], f"{event['site']}/{event['zone']}")
            for event in json.loads(body)["events"]
            if event["site"] != theirs.get(event["installation_id"])
        }
        return replace(answer, entered=answer.entered | strayed) if strayed else answer


class Wrongs:
    """All verdicts of a measuring, added up: what was wrong, and how many rows of each kind must have come of it."""

    def __init__(self, shops: int) -> None:
        self._reads = InShops(shops)
        self.count = 0
        self.first: str | None = None
        self.entered = self.offers = 0

    def check(self, exchanges: Sequence[Exchange], answers: Sequence[bytes]) -> Verdict:
        verdict = check(self._reads, exchanges, answers)
        self.count += verdict.wrong
        self.first = self.first or verdict.first_wrong
        self.entered += verdict.entered
        self.offers += len(verdict.offers)
        return verdict


def measure(ground: Ground) -> Figures:
    wrongs = Wrongs(ground.shops)
    before = filling.table_bytes(ground.url)
    before_start = time.perf_counter()
    with Service(ground.url, ground.size.web).serving() as server:
        start_s = time.perf_counter() - before_start
        standing = iter(_placing(ground.party(0, STANDING)[:STANDING]))
        first_ping_s = _first_pings(server, standing, wrongs, ground.size.web)
        batch, ping_bytes = _batches(ground, server, wrongs)
        single_ = singles(ground, server, wrongs)
        edit_ms, rebuild_ms = _edits(server, standing, wrongs)
        web_mb = server.heaviest_process_mb()
    after = filling.table_bytes(ground.url)
    return Figures(
        batch, single_, web_mb, start_s, first_ping_s, edit_ms, rebuild_ms, filling.database_bytes(ground.url),
        after, _grown(before, after, wrongs, ping_bytes), wrongs.count, wrongs.first,
    )  # fmt: skip


def _grown(before: dict[str, int], after: dict[str, int], wrongs: Wrongs, ping_bytes: float) -> Grown:
    people = STANDING + BATCH * BATCH_PARTIES + SINGLE_PARTY * SINGLE_PARTIES
    rows = {
        "presence": people, "decisions": wrongs.entered, "grants": wrongs.offers, "moves": wrongs.entered,
    }  # fmt: skip
    each = {table: (after[table] - before[table]) / max(1, count) for table, count in rows.items()}
    share = wrongs.offers / max(1, wrongs.entered)
    return Grown(ping_bytes, each["presence"], each["decisions"], each["grants"], each["moves"], share)


def _placing(pings: Sequence[PlannedPing]) -> list[PlannedPing]:
    return [ping for ping in pings if ping.step == 0]


def _first_pings(server: Server, standing: Iterator[PlannedPing], wrongs: Wrongs, web: int) -> float:
    """The first pays for the catalogue; then the other processes get theirs. Seconds that the first one took."""
    took_ms = []
    for _ in range(FIRST_PINGS_A_PROCESS * web):
        with asking(server.port) as asked:
            took_ms.append(_ask(asked, next(standing), wrongs))
    return took_ms[0] / 1000


def _ask(asked: Asked, ping: PlannedPing, wrongs: Wrongs) -> float:
    exchange = single(ping, datetime.now(UTC))
    response = asked.ask(exchange.request)
    wrongs.check([exchange], [b"HTTP/1.1 %d X\r\n\r\n" % response.status + response.body])
    return asked.took_ms


def _batches(ground: Ground, server: Server, wrongs: Wrongs) -> tuple[Speed, float]:
    """And what a ping took on disk: of these alone, since those that place people all enter a zone."""
    parties = [ground.party(STANDING + number * BATCH, BATCH) for number in range(BATCH_PARTIES)]
    began_at = datetime.now(UTC)
    _place(server, [party[:BATCH] for party in parties], wrongs, began_at)
    walked = [batches(party[BATCH:], began_at) for party in parties]
    before = filling.table_bytes(ground.url)["pings"]
    speed = _play(ground, server, walked, GATEWAYS, wrongs)
    return speed, (filling.table_bytes(ground.url)["pings"] - before) / speed.pings


def singles(ground: Ground, server: Server, wrongs: Wrongs) -> Speed:
    """A closed loop of phones that send one ping at a time, each with its key and its token."""
    first = STANDING + BATCH * BATCH_PARTIES
    parties = [ground.party(first + number * SINGLE_PARTY, SINGLE_PARTY) for number in range(SINGLE_PARTIES)]
    began_at = datetime.now(UTC)
    _place(server, [party[:SINGLE_PARTY] for party in parties], wrongs, began_at)
    walked = [[single(ping, began_at) for ping in party[SINGLE_PARTY:]] for party in parties]
    return _play(ground, server, walked, PHONES, wrongs)


def _place(server: Server, parties: Sequence[list[PlannedPing]], wrongs: Wrongs, began_at: datetime) -> None:
    exchanges = batches([ping for party in parties for ping in party], began_at)
    with asking(server.port) as asked:
        for exchange in exchanges:
            response = asked.insist(exchange.request)
            wrongs.check([exchange], [b"HTTP/1.1 200 OK\r\n\r\n" + response.body])


def _play(
    ground: Ground, server: Server, parties: Sequence[Sequence[Exchange]], connections: int, wrongs: Wrongs
) -> Speed:
    """The parties spread over the connections, each whole and in order, as long as it lasts."""
    walked = by_lane(parties, connections)
    lanes = lanes_of(walked)
    checkpoint(ground.cluster)
    postmaster = private_cluster.running_pid(ground.cluster)
    assert postmaster is not None, "it answers"
    before = spent(server.pid, postmaster)
    taken_s = drive(server.port, lanes, seconds=ground.seconds)
    used = spent(server.pid, postmaster).since(before)
    verdicts = [wrongs.check(exchanges, lane.answers) for exchanges, lane in zip(walked, lanes, strict=True)]
    pings = sum(verdict.pings for verdict in verdicts)
    cuts = percentiles(latencies_ms(lanes))
    return Speed(
        pings / taken_s, cuts[49], cuts[98], 1e6 * used.web / pings, 1e6 * used.postgres / pings, pings
    )


def _edits(
    server: Server, standing: Iterator[PlannedPing], wrongs: Wrongs
) -> tuple[dict[str, float], dict[str, float]]:
    """Medians: until a zone's and a campaign's edit is answered, and what the ping after it waits."""
    plan = next(workload.campaigns())
    zone_path = f"/v1/sites/{chain.shop_name(0)}/zones/{workload.zone_name(0)}"
    edit_ms: dict[str, list[float]] = {"zone": [], "campaign": []}
    rebuild_ms: dict[str, list[float]] = {"zone": [], "campaign": []}
    for number in range(EDITS):
        zone = chain.properties(0) | {"name": f"Cell 0, edit {number}", "geometry": chain.polygon(0, 0)}
        campaign = chain.campaign(plan) | {"name": f"edit {number}"}
        for what, path, document in (
            ("zone", zone_path, zone),
            ("campaign", f"/v1/campaigns/{plan.name}", campaign),
        ):
            with asking(server.port) as asked:
                asked.insist(edit("PUT", path, document))
                edit_ms[what].append(asked.took_ms)
                rebuild_ms[what].append(_ask(asked, next(standing), wrongs))
    return _medians(edit_ms), _medians(rebuild_ms)


def _medians(told: dict[str, list[float]]) -> dict[str, float]:
    return {what: statistics.median(values) for what, values in told.items()}
