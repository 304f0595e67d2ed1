"""Where a replay begins: with nobody, where the history is known from its first day, or with a day's snapshot.

Whoever comes up is met then, as the beginning has them. A customer's row in the snapshot carries the last step that
changed it, so what of the history is in it already is known for each person apart; the ledger is kept whole, and is
read back to where it stood.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from beacon_service.backtests.counting import LedgerGrant
from beacon_service.backtests.people import Person
from beacon_service.campaigns.ledger import IMPLIED, Charge, Outcome
from beacon_service.campaigns.moment import Memory
from beacon_service.customers.events import EventCount
from beacon_service.customers.model import Customer, Installation
from beacon_service.customers.records import ANONYMOUS
from beacon_service.db import Connection, Statement, round_trip
from beacon_service.visits.model import Presence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from beacon_service.db import Row

# No transaction of ours is under way for longer, so what is not in a snapshot was settled later than this before it.
IN_FLIGHT = timedelta(minutes=10)
DAWN = datetime(1970, 1, 1, tzinfo=UTC)

SNAPSHOT = """
SELECT id, taken_at, catalogue_version FROM snapshots
WHERE taken_at <= %(at)s::timestamptz ORDER BY taken_at DESC LIMIT 1
"""
MERGES = """
SELECT seq, (c.body ->> 'from')::bigint, (c.body ->> 'to')::bigint, (c.body ->> 'installation')::bigint,
    c.body ->> 'from_id', seq <= coalesce(r.last_seq, 0)
FROM changes AS c
LEFT JOIN snapshot_rows AS r
    ON r.snapshot_id = %(snapshot)s::bigint AND r.kind = 'customer' AND r.key = c.body ->> 'to'
WHERE c.kind = 'merge' AND c.body ? 'from' AND now >= %(since)s::timestamptz ORDER BY seq
"""
NAMES = "SELECT key, id, erased_at IS NOT NULL FROM customers WHERE key = ANY(%(keys)s::bigint[])"
ROWS = """
SELECT kind, key::bigint, customer_key, last_seq, body::json FROM snapshot_rows
WHERE snapshot_id = %(snapshot)s::bigint AND customer_key = ANY(%(keys)s::bigint[])
"""
# A grant is of whoever it was made to, or of whoever that customer has become; by the phone it is known which.
LEDGER = """
SELECT g.customer_key, d.installation_key, g.seq, g.closes_at, g.open, g.decision_id, g.campaign, g.arm, g.site,
    g.policy, g.decided_at, g.offer_id, g.tags, g.channel, g.cost
FROM grants AS g JOIN decisions AS d USING (decision_id)
WHERE g.customer_key = ANY(%(owners)s::bigint[]) AND g.seq <= %(upto)s::bigint
ORDER BY g.seq
"""
OUTCOMES = "SELECT decision_id, type, seq FROM outcomes WHERE decision_id = ANY(%(ids)s::uuid[])"
RELEASES = """
SELECT seq, body::json -> 'grants' FROM changes
WHERE customer_key = ANY(%(keys)s::bigint[]) AND kind = 'release'
"""
# As `pings.sql` counts, of all who have not come up and as the beginning has them.
AMOUNTS = """
SELECT g.decided_at, CASE WHEN %(money)s::boolean THEN g.cost ELSE 1 END
FROM grants AS g
JOIN customers AS c ON c.key = g.customer_key
LEFT JOIN snapshot_rows AS r
    ON r.snapshot_id = %(snapshot)s::bigint AND r.kind = 'customer' AND r.key = g.customer_key::text
WHERE g.arm = 'offered' AND NOT g.customer_key = ANY(%(but)s::bigint[])
    AND (g.seq <= r.last_seq OR c.erased_at IS NOT NULL AND g.decided_at <= %(taken_at)s::timestamptz)
    AND CASE WHEN %(campaign)s::text IS NULL THEN g.policy ELSE g.campaign = %(campaign)s::text END
    AND g.decided_at > coalesce(%(after)s::timestamptz, '-infinity')
    AND g.decided_at >= coalesce(%(start)s::timestamptz, '-infinity')
    AND (%(site)s::text IS NULL OR coalesce(g.site, '') = %(site)s::text)
    AND (%(offer)s::text IS NULL OR g.offer_id = %(offer)s::text)
    AND (%(tag)s::text IS NULL OR %(tag)s::text = ANY(g.tags))
    AND (%(channel)s::text IS NULL OR g.channel = %(channel)s::text)
    AND (%(types)s::text[] IS NULL OR g.open
        OR EXISTS (SELECT FROM outcomes AS o WHERE o.decision_id = g.decision_id
            AND (r.last_seq IS NULL OR o.seq <= r.last_seq) AND o.type = ANY(%(types)s::text[]))
        OR EXISTS (SELECT FROM changes AS later
            WHERE later.customer_key = g.customer_key AND later.kind = 'release' AND later.seq > r.last_seq
                AND later.body -> 'grants' @> jsonb_build_array(jsonb_build_array(g.decision_id::text, g.campaign))))
"""

_customer = msgspec.json.Decoder(dict[str, Any])


class Merge(NamedTuple):
    """An anonymous customer, with the one phone that it had, became part of another."""

    seq: int
    origin: int
    target: int
    installation: int
    origin_id: str | None
    is_over: bool  # by the beginning


class Snapshot(NamedTuple):
    id: int
    taken_at: datetime
    version: int  # of the configuration


@dataclass(slots=True)
class Beginning:
    """Read from one transaction, REPEATABLE READ. Without a snapshot nobody is there and nothing was granted."""

    connection: Connection
    snapshot: Snapshot | None
    merges: dict[int, Merge] = field(default_factory=dict)  # to come, by the customer that will be no more
    gone: dict[int, int] = field(default_factory=dict)  # who was no more by then, and since which step

    @classmethod
    def before(cls, connection: Connection, at: datetime) -> Beginning:
        """The latest there is at or before `at`."""
        (rows,) = round_trip(connection, [Statement(SNAPSHOT, {"at": at})])
        found = cls(connection, Snapshot(*rows[0]) if rows else None)
        asked = {"since": found.since, "snapshot": found.snapshot.id if found.snapshot else None}
        (rows,) = round_trip(connection, [Statement(MERGES, asked)])
        merges = [Merge(*row) for row in rows]
        found.merges = {one.origin: one for one in merges if not one.is_over}
        found.gone = {one.origin: one.seq for one in merges if one.is_over}
        return found

    @property
    def since(self) -> datetime:
        """From when on the history may hold what the beginning does not."""
        return self.snapshot.taken_at - IN_FLIGHT if self.snapshot else DAWN

    @property
    def merging(self) -> set[int]:
        """Customers whose ledgers were joined since; to be met first, since the ledger's rows know only the one."""
        return {key for one in self.merges.values() for key in (one.origin, one.target)}

    def persons(self, keys: Collection[int]) -> list[Person]:
        """Those customers as the beginning has them; who came later has nothing but a name."""
        names = {key: merge.origin_id for key, merge in self.merges.items() if key in keys}
        (rows,) = round_trip(self.connection, [Statement(NAMES, {"keys": list(keys)})])
        # Of the erased nobody knows anything; what they were given is among the amounts.
        names |= {key: name for key, name, is_erased in rows if not is_erased}
        found = _Rows.of(self._rows(keys))
        ledgers = self._ledgers({key: found.upto[key] for key in found.customers}) if found.customers else {}
        gone = [Person(_nobody(key, ""), Memory(), upto=self.gone[key]) for key in keys if key in self.gone]
        return gone + [
            found.person(key, name or f"{ANONYMOUS}{key}", ledgers.get(key, ()))
            for key, name in names.items()
        ]

    def amounts(self, charge: Charge, but: Collection[int]) -> Iterable[tuple[datetime, int]]:
        if self.snapshot is None:
            return ()
        params = {
            "snapshot": self.snapshot.id,
            "taken_at": self.snapshot.taken_at,
            "but": list(but),
            "money": charge.money,
            "campaign": charge.campaign,
            "after": charge.after_at,
            "start": charge.start_at,
            "site": charge.site,
            "offer": charge.offer,
            "tag": charge.tag,
            "channel": charge.channel,
            "types": None if charge.counts == "decided" else _implying(charge.counts),
        }
        (rows,) = round_trip(self.connection, [Statement(AMOUNTS, params)])
        return [(at, amount) for at, amount in rows]

    def _rows(self, keys: Collection[int]) -> list[Row]:
        if self.snapshot is None:
            return []
        (rows,) = round_trip(
            self.connection, [Statement(ROWS, {"snapshot": self.snapshot.id, "keys": list(keys)})]
        )
        return rows

    def _ledgers(self, upto: Mapping[int, int]) -> dict[int, list[LedgerGrant]]:
        """Each one's grants up to their step, with what was known of them by then."""
        owners = {key: self._owner(key) for key in upto}
        asked = {"owners": list(set(owners.values())), "upto": max(upto.values())}
        (rows,) = round_trip(self.connection, [Statement(LEDGER, asked)])
        whose = [(self._whose(row), row) for row in rows]
        kept = [(key, row) for key, row in whose if row[2] <= upto.get(key, 0)]
        known = self._known([row for _, row in kept], {*owners.values(), *upto})
        ledgers: dict[int, list[LedgerGrant]] = defaultdict(list)
        for key, row in kept:
            ledgers[key].append(known.grant(row, upto[key]))
        return ledgers

    def _owner(self, key: int) -> int:
        """Who has the customer's ledger today."""
        while key in self.merges:
            key = self.merges[key].target
        return key

    def _whose(self, row: Row) -> int:
        """Who the grant was made to: the phone of one who became another was theirs alone until then."""
        owner, installation, seq = row[:3]
        for merge in self.merges.values():
            if merge.installation == installation and seq < merge.seq:
                return merge.origin
        return int(owner)

    def _known(self, rows: Collection[Row], keys: Collection[int]) -> _Known:
        ids = {"ids": list({row[5] for row in rows})}
        outcomes, releases = round_trip(
            self.connection, [Statement(OUTCOMES, ids), Statement(RELEASES, {"keys": list(keys)})]
        )
        known = _Known(defaultdict(list), {})
        for decision_id, kind, seq in outcomes:
            known.outcomes[decision_id].append((seq, IMPLIED[Outcome.named(kind)]))
        for seq, grants in releases:
            for decision_id, campaign in msgspec.json.decode(grants) if grants else ():
                known.closed[UUID(decision_id), campaign] = seq
        return known


class _Known(NamedTuple):
    """When what became of grants."""

    outcomes: Mapping[UUID, list[tuple[int, int]]]
    closed: dict[tuple[UUID, str], int]

    def grant(self, row: Row, upto: int) -> LedgerGrant:
        _, _, _, _, is_open, decision_id, campaign, arm, site, policy, at, offer, tags, channel, cost = row
        bits = 0
        for seq, outcome in self.outcomes.get(decision_id, ()):
            bits |= outcome if seq <= upto else 0
        closed = self.closed.get((decision_id, campaign))
        still = arm == "offered" and (is_open or (closed is not None and closed > upto))
        about = (offer, tuple(tags), channel, decision_id, cost)
        return LedgerGrant(campaign, arm, site or "", policy, at, still, bits, *about)


@dataclass(slots=True)
class _Rows:
    """A snapshot's rows, by customer."""

    customers: dict[int, dict[str, Any]] = field(default_factory=dict)
    phones: dict[int, list[Installation]] = field(default_factory=lambda: defaultdict(list))
    upto: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def of(cls, rows: Iterable[Row]) -> _Rows:
        found = cls()
        for kind, key, customer_key, last_seq, body in rows:
            told = _customer.decode(body)
            found.upto[customer_key] = max(found.upto[customer_key], last_seq)
            if kind == "customer":
                found.customers[key] = told
            else:
                found.phones[customer_key].append(_phone(key, customer_key, told))
        return found

    def person(self, key: int, name: str, ledger: Iterable[LedgerGrant]) -> Person:
        told = self.customers.get(key)
        if told is None:
            return Person(_nobody(key, name), Memory())
        customer = Customer(
            key,
            told.get("id", name),
            told["anonymous"],
            told["attributes"],
            told["marketing"],
            told["location"],
            msgspec.convert(told["events"], dict[str, EventCount]),
            tuple(told["lists"]),
        )
        memory = msgspec.convert(told["memory"], Memory)
        return Person(customer, memory, tuple(self.phones[key]), tuple(ledger), self.upto[key])


def _nobody(key: int, name: str) -> Customer:
    return Customer(key, name, name.startswith(ANONYMOUS), {}, marketing=False)


def _phone(key: int, customer: int, told: Mapping[str, Any]) -> Installation:
    presence = msgspec.convert(told["presence"] or {}, Presence)
    about = (told["model"], told["locale"], told["time_zone"])
    return Installation(key, str(key), customer, told["location"], presence, *about)


def _implying(kind: str) -> list[str]:
    """The outcomes that count as this one."""
    wanted = Outcome.named(kind)
    return [one.name.lower() for one in Outcome if one.name and wanted & IMPLIED[one]]
