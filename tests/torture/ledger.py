"""What the tables say, as plain values: the checker's own reading, which shares nothing with the service.

A checker that imported the engine would repeat its mistakes; so the rows are read here once more, by SQL written
for this purpose, and the meaning of caps and windows is written down a second time beside it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import psycopg

    Body = Mapping[str, Any] | None

# Whoever clicked saw it, and whoever saw it got it.
IMPLIED = {
    "delivered": ("delivered",),
    "viewed": ("viewed", "delivered"),
    "clicked": ("clicked", "viewed", "delivered"),
    "dismissed": ("dismissed", "delivered"),
    "redeemed": ("redeemed", "delivered"),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A row of the ledger; `version` is that of the configuration its decision was made with, if there is one.

    Tags and cost are what that version of the campaign says and the channel is the decision's: the ledger keeps copies
    of them to count by, and a copy may be wrong.
    """

    decision_id: UUID
    moment_key: UUID
    campaign: str
    customer: int
    installation: int | None
    site: str | None  # of an event or an absence there is none
    arm: str
    policy: bool
    decided_at: datetime
    seq: int
    open: bool
    version: int | None
    offer: str | None  # of what was held out there is none
    channel: str | None
    code: str | None
    shown: str | None  # the code in the decision's texts
    tags: frozenset[str]
    cost: int


@dataclass(frozen=True, slots=True)
class Decision:
    decision_id: UUID
    moment_key: UUID
    seq: int
    customer: int
    installation: int
    zone: str | None
    move: str
    dwell_s: int | None
    visit: int
    at: datetime
    version: int
    campaign: str | None
    channel: str | None
    ping_id: str | None
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ping:
    installation: int
    installation_id: str
    ping_id: str
    seq: int
    status: str
    version: int


@dataclass(frozen=True, slots=True)
class Move:
    seq: int
    customer: int
    installation: int
    zone: str
    type: str
    dwell_s: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Merge:
    """From `seq` on, what was `origin`'s is `target`'s, and every row says so; before it, the phone was `origin`'s."""

    seq: int
    origin: int
    target: int
    installation: int


@dataclass(frozen=True, slots=True)
class Tally:
    key: str
    used: int
    late: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    pool: str | None  # None: made when it was given out
    decision_id: UUID | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Every body that a piece of configuration ever had, by the version that gave it."""

    versions: Mapping[tuple[str, str], tuple[list[int], list[Body]]]

    def as_of(self, kind: str, key: str, version: int) -> Body:
        numbers, bodies = self.versions.get((kind, key), ([], []))
        found = bisect_right(numbers, version)
        return bodies[found - 1] if found else None

    def time_zones(self, kind: str, grant: Grant) -> set[str]:
        """Of all documents of a kind, as the grant's decision knew them."""
        known = (self.as_of(kind, key, grant.version or 0) for one, key in self.versions if one == kind)
        return {body.get("time_zone") or "UTC" for body in known if body is not None}

    def ever(self, kind: str, key: str) -> list[Body]:
        return self.versions.get((kind, key), ([], []))[1]


@dataclass(frozen=True, slots=True)
class Ledger:
    grants: list[Grant]
    decisions: list[Decision]
    pings: list[Ping]
    moves: list[Move]
    tallies: list[Tally]
    codes: list[Code]
    waiting: Counter[str]  # how many moments wait for a campaign
    configuration: Configuration
    # (decision, kind) -> seq from which it counts as that kind
    outcomes: Mapping[tuple[UUID, str], int] = field(repr=False)
    # (decision, kind) whose outcome came after the release of its reservation
    late: frozenset[tuple[UUID, str]] = field(repr=False)
    # (decision, campaign) -> seq at which its reservation was given back
    releases: Mapping[tuple[UUID, str], int] = field(repr=False)
    merges: list[Merge] = field(default_factory=list)

    def first_owners(self) -> dict[tuple[int | None, int], int]:
        """(installation, seq) of grants made before their phone's customer was merged away -> that customer.

        A merge writes the new customer into old rows; whose they were when they were judged, the log tells.
        """
        merged = {merge.installation: merge for merge in reversed(self.merges)}
        return {
            (grant.installation, grant.seq): merged[grant.installation].origin
            for grant in self.grants
            if grant.installation in merged and grant.seq < merged[grant.installation].seq
        }

    def given_back(self, grant: Grant) -> int | None:
        """The seq from which what was reserved until delivery is free again; None: it never was."""
        release = self.releases.get((grant.decision_id, grant.campaign))
        delivery = self.outcomes.get((grant.decision_id, "delivered"))
        return None if release is None or (delivery is not None and delivery <= release) else release


def read(connection: psycopg.Connection[Any]) -> Ledger:
    """All of it; as of one instant where the connection reads repeatably."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as rows:
        first, late = _outcomes(rows.execute("SELECT * FROM outcomes ORDER BY seq").fetchall())
        configuration = _configuration(rows.execute(CONFIGURATION).fetchall())
        return Ledger(
            grants=[_grant(row, configuration) for row in rows.execute(GRANTS).fetchall()],
            decisions=[Decision(**row) for row in rows.execute(DECISIONS).fetchall()],
            pings=[Ping(**row) for row in rows.execute(PINGS).fetchall()],
            moves=[Move(**row) for row in rows.execute(MOVES).fetchall()],
            tallies=[
                Tally(**row)
                for row in rows.execute("SELECT key, used, late, ceiling FROM tallies").fetchall()
            ],
            codes=[
                Code(**row)
                for row in rows.execute("SELECT code, pool, decision_id FROM codes ORDER BY code").fetchall()
            ],
            waiting=Counter(
                row["campaign"] for row in rows.execute("SELECT campaign FROM waiting").fetchall()
            ),
            configuration=configuration,
            outcomes=first,
            late=late,
            releases=_releases(rows.execute(CHANGES, ["release"]).fetchall()),
            merges=_merges(rows.execute(CHANGES, ["merge"]).fetchall()),
        )


GRANTS = """
SELECT g.decision_id, g.moment_key, g.campaign, g.customer_key AS customer, g.site, g.arm, g.policy, g.decided_at,
       g.seq, g.open, g.code, d.installation_key AS installation, d.catalogue_version AS version,
       CASE WHEN g.arm = 'offered' THEN d.offer_id END AS offer,
       CASE WHEN g.arm = 'offered' THEN d.channel END AS channel,
       CASE WHEN g.arm = 'offered' THEN d.offer ->> 'code' END AS shown
FROM grants g LEFT JOIN decisions d USING (decision_id)
-- Of several grants with one seq (a ping and the timers it fired) any fixed order shows whether they fit together.
ORDER BY g.seq, d.at, g.decision_id, g.campaign
"""
DECISIONS = """
SELECT decision_id, moment_key, seq, customer_key AS customer, installation_key AS installation,
       site || '/' || zone AS zone, move, dwell_s, visit, at, catalogue_version AS version, campaign, channel,
       ping_id, reasons
FROM decisions ORDER BY seq, at, decision_id
"""
PINGS = """
SELECT p.installation_key AS installation, i.id AS installation_id, p.ping_id, p.seq, p.status,
       p.catalogue_version AS version
FROM pings p JOIN installations i ON i.key = p.installation_key ORDER BY p.seq
"""
# Of one instant: a threshold was reached before one left, and one leaves before one enters.
MOVES = """
SELECT seq, customer_key AS customer, installation_key AS installation, site || '/' || zone AS zone, type, dwell_s, at
FROM moves ORDER BY seq, at, array_position('{dwelled,exited,entered}'::text[], type)
"""
CONFIGURATION = "SELECT kind, key, version, body FROM catalogue_log ORDER BY kind, key, version"
CHANGES = "SELECT seq, body FROM changes WHERE kind = %s ORDER BY seq"


def _configuration(rows: Iterable[dict[str, Any]]) -> Configuration:
    versions: dict[tuple[str, str], tuple[list[int], list[Body]]] = defaultdict(lambda: ([], []))
    for row in rows:
        numbers, bodies = versions[row["kind"], row["key"]]
        numbers.append(row["version"])
        bodies.append(row["body"])
    return Configuration(dict(versions))


def _grant(row: dict[str, Any], configuration: Configuration) -> Grant:
    body = configuration.as_of("campaign", row["campaign"], row["version"] or 0) or {}
    costs = {offer["id"]: offer.get("cost") or 0 for offer in body.get("offers") or ()}
    return Grant(**row, tags=frozenset(body.get("tags") or ()), cost=costs.get(row["offer"], 0))


def _outcomes(
    rows: Iterable[dict[str, Any]],
) -> tuple[dict[tuple[UUID, str], int], frozenset[tuple[UUID, str]]]:
    """The first seq of each kind, those included that a reported one implies; and which of them came late."""
    first: dict[tuple[UUID, str], int] = {}
    late = set()
    for row in rows:
        for kind in IMPLIED[row["type"]]:
            if (row["decision_id"], kind) not in first:
                first[row["decision_id"], kind] = row["seq"]
                if row["late"]:
                    late.add((row["decision_id"], kind))
    return first, frozenset(late)


def _releases(rows: Iterable[dict[str, Any]]) -> dict[tuple[UUID, str], int]:
    found: dict[tuple[UUID, str], int] = {}
    for row in rows:
        for decision_id, campaign in row["body"]["grants"]:
            found.setdefault((UUID(decision_id), campaign), row["seq"])
    return found


def _merges(rows: Iterable[dict[str, Any]]) -> list[Merge]:
    """A merge is told twice, to both customers; only the one that goes on is told from whom."""
    bodies = ((row["seq"], row["body"]) for row in rows)
    return [
        Merge(seq, body["from"], body["to"], body["installation"]) for seq, body in bodies if "from" in body
    ]
