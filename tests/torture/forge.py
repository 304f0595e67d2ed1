"""Writing rows as the service would, straight into the tables: material for the checker to judge.

A forged offer stands alone: a customer and a phone of its own, an exit as its moment (so that no visit need be
told), the inbox as its channel (so that no ping need be). What is not said is consistent with everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    import random

    import psycopg

# A Wednesday at noon in UTC, far from any change of clocks.
NOON_AT = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
SITE = "forged"
TWO_OFFERS = [{"id": "one"}, {"id": "other"}]
FROM_A_POOL = [{"id": "offer", "codes": {"pool": "forged"}}]


@dataclass(frozen=True, slots=True)
class Person:
    customer: int
    installation: int


@dataclass(slots=True)
class Forge:
    """Draws seqs and versions above all that are there, so that what it adds comes last."""

    connection: psycopg.Connection[Any]
    rng: random.Random

    def seq(self) -> int:
        row = self.connection.execute("SELECT nextval('step_seq')").fetchone()
        assert row is not None
        return int(row[0])

    def configure(self, kind: str, key: str, body: dict[str, Any] | None) -> int:
        """One edit more; its version."""
        row = self.connection.execute(
            "UPDATE catalogue SET version = version + 1 RETURNING version"
        ).fetchone()
        assert row is not None
        self.connection.execute(
            "INSERT INTO catalogue_log (kind, key, version, body, at, actor) VALUES (%s, %s, %s, %s, %s, 'forge')",
            [kind, key, row[0], Jsonb(body), NOON_AT],
        )
        return int(row[0])

    def site(self, time_zone: str = "Europe/Amsterdam", *, site: str = SITE) -> None:
        self.configure("site", site, {"id": site, "name": "Forged", "time_zone": time_zone})

    def policy(self, *caps: dict[str, Any], **other: Any) -> None:
        self.configure("policy", "policy", {"caps": list(caps), **other})

    def campaign(self, *caps: dict[str, Any], campaign: str = "forged", **other: Any) -> str:
        defaults = {
            "id": campaign,
            "status": "published",
            "budget": None,
            "obeys_policy": False,
            "offers": [{"id": "offer"}],
        }
        self.configure("campaign", campaign, {**defaults, "caps": list(caps), **other})
        return campaign

    def person(self) -> Person:
        name = f"forged-{self.rng.getrandbits(64):016x}"
        customer = self._insert("customers", id=name, anonymous=True, created_at=NOON_AT)
        installation = self._insert(
            "installations",
            id=name,
            customer_key=customer,
            token_hash=b"",
            platform="ios",
            created_at=NOON_AT,
        )
        return Person(customer, installation)

    def offer(
        self,
        campaign: str,
        person: Person,
        at: datetime = NOON_AT,
        *,
        arm: str = "offered",
        policy: bool = False,
        code: str | None = None,
        **decision: Any,
    ) -> UUID:
        """A decision for the campaign and its grant; further arguments are columns of the decision.

        What the ledger copies of tags, channel and cost is left empty: nothing is to be judged by it.
        """
        if code is not None:
            decision["offer"] = Jsonb({"code": code})
        decision_id = self.decision(person, at, campaign=campaign if arm == "offered" else None, **decision)
        self.connection.execute(
            """INSERT INTO grants (decision_id, campaign, moment_key, customer_key, offer_id, arm, site, policy,
                                   decided_at, seq, open, closes_at, code)
               SELECT decision_id, %s, moment_key, customer_key, offer_id, %s, site, %s, decided_at, seq, %s, %s, %s
               FROM decisions WHERE decision_id = %s""",
            [campaign, arm, policy, arm == "offered", at + timedelta(minutes=1), code, decision_id],
        )
        return decision_id

    def decision(self, person: Person, at: datetime, *, campaign: str | None, **other: Any) -> UUID:
        decision_id = self.uuid()
        columns: dict[str, Any] = {
            "decision_id": decision_id,
            "moment_key": self.uuid(),
            "seq": self.seq(),
            "customer_key": person.customer,
            "installation_key": person.installation,
            "site": SITE,
            "zone": "door",
            "move": "exited",
            "visit": 1,
            "at": at,
            "decided_at": at,
            "catalogue_version": self.version(),
            "code_version": "forged",
            "seed": 0,
            "campaign": campaign,
            "offer_id": campaign and "offer",
            "channel": campaign and "inbox",
            **{name: Jsonb({}) for name in ("reasons", "counts", "draws", "refusals")},
        }
        self._insert("decisions", returning="seq", **{**columns, **other})
        return decision_id

    def outcome(self, decision_id: UUID, kind: str, *, late: bool = False) -> None:
        self.connection.execute(
            "INSERT INTO outcomes (decision_id, type, at, received_at, seq, late) VALUES (%s, %s, %s, %s, %s, %s)",
            [decision_id, kind, NOON_AT, NOON_AT, self.seq(), late],
        )

    def release(self, decision_id: UUID) -> None:
        self.connection.execute(
            """INSERT INTO changes (seq, customer_key, kind, now, body)
               SELECT %s, customer_key, 'release', %s, jsonb_build_object(
                   'grants', jsonb_build_array(jsonb_build_array(decision_id, campaign)))
               FROM grants WHERE decision_id = %s""",
            [self.seq(), NOON_AT, decision_id],
        )
        self.connection.execute("UPDATE grants SET open = false WHERE decision_id = %s", [decision_id])

    def move(self, person: Person, kind: str, at: datetime) -> None:
        self.connection.execute(
            """INSERT INTO moves (event_id, seq, customer_key, installation_key, site, zone, type, at, probability,
                                  confidence, cause, recorded_at)
               VALUES (%s, %s, %s, %s, %s, 'door', %s, %s, 1, 3, 'ping', %s)""",
            [self.uuid(), self.seq(), person.customer, person.installation, SITE, kind, at, at],
        )

    def merge(self, anonymous: Person, known: Person) -> None:
        body = {"from": anonymous.customer, "to": known.customer, "installation": anonymous.installation}
        self.connection.execute(
            "INSERT INTO changes (seq, customer_key, kind, now, body) VALUES (%s, %s, 'merge', %s, %s)",
            [self.seq(), known.customer, NOON_AT, Jsonb(body)],
        )
        for table in ("grants", "decisions", "installations", "moves"):
            query = f"UPDATE {table} SET customer_key = %s WHERE customer_key = %s"
            self.connection.execute(query.encode(), [known.customer, anonymous.customer])

    def ping(self, person: Person, ping_id: str) -> int:
        seq = self.seq()
        day, next_day = NOON_AT.date(), NOON_AT.date() + timedelta(days=1)
        partition = f"PARTITION OF pings FOR VALUES FROM ('{day}') TO ('{next_day}')"
        # By the name that the service gives it, since it may be there already.
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS pings_{day:%Y%m%d} {partition}".encode())
        self.connection.execute(
            """INSERT INTO pings (received_on, installation_key, ping_id, customer_key, seq, status, at, offset_ms, now,
                                  catalogue_version, seed, content_hash, body)
               VALUES (%s, %s, %s, %s, %s, 'accepted', %s, 0, %s, 0, 0, '', '{}')""",
            [day, person.installation, ping_id, person.customer, seq, NOON_AT, NOON_AT],
        )
        return seq

    def code(self, code: str, decision_id: UUID | None = None, *, pool: str | None = "forged") -> None:
        """The code as the service keeps it: whose it is, or nobody's."""
        self.connection.execute(
            """INSERT INTO codes (code, pool, decision_id, given_at) VALUES (%s, %s, %s, %s)
               ON CONFLICT (code) DO UPDATE SET decision_id = excluded.decision_id, given_at = excluded.given_at""",
            [code, pool, decision_id, NOON_AT if decision_id else None],
        )

    def version(self) -> int:
        row = self.connection.execute("SELECT version FROM catalogue").fetchone()
        assert row is not None
        return int(row[0])

    def uuid(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def _insert(self, table: str, *, returning: str = "key", **columns: Any) -> int:
        names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
        query = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {returning}"
        row = self.connection.execute(query.encode(), list(columns.values())).fetchone()
        assert row is not None
        return int(row[0])


def cap(
    limit: int, window: dict[str, Any], *, subject: str = "customer", counts: str = "decided", **other: Any
) -> dict[str, Any]:
    return {
        "scope": "campaign",
        "subject": subject,
        "limit": limit,
        "counts": counts,
        "window": window,
        **other,
    }


def rolling(n: int, unit: str) -> dict[str, Any]:
    return {"kind": "rolling", "n": n, "unit": unit}


def calendar(unit: str) -> dict[str, Any]:
    return {"kind": "calendar", "n": 1, "unit": unit}


def policy_cap(limit: int, window: dict[str, Any], *, scope: str = "all", **other: Any) -> dict[str, Any]:
    return {**cap(limit, window, **other), "scope": scope}


LIFETIME = {"kind": "lifetime"}
