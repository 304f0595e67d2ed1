"""A range of the recorded history in SQL, as streams in the order of `seq`: its causes, and what was decided then."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from psycopg.rows import tuple_row

from beacon_service.backtests.decided import FIELDS, Charged, Decided
from beacon_service.backtests.history import CameDue, Changed, Entry, Fired, Pinged
from beacon_service.campaigns.moment import Waiting
from beacon_service.engine import Due, Ping, Tick
from beacon_service.ids import first_uuid7
from beacon_service.pings.ingest import corrected_sightings
from beacon_service.pings.schema import heard_in
from beacon_service.zones.model import Located

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from beacon_service.db import Row

# Rows of a stream that are in memory at a time.
AT_ONCE = 2000

# Which of the two a replay needs of a ping: what it heard, or where that was held to be.
PINGS = """
SELECT seq, now, customer_key, catalogue_version, installation_key, ping_id, at, offset_ms, seed, {what}
FROM pings
WHERE received_on >= %(first)s AND received_on <= %(last)s AND now >= %(since)s AND now < %(until)s
ORDER BY seq
"""
CHANGES = """
SELECT seq, now, customer_key, kind, body::text FROM changes
WHERE now >= %(since)s AND now < %(until)s ORDER BY seq
"""
# Ids are UUIDv7 of the time of recording. Of whoever was erased the reasons are gone, and there is nothing to compare.
DECISIONS = """
SELECT d.seq, d.moment_key, d.decision_id, d.installation_key, d.site, d.zone, d.move, d.dwell_s, d.within_m, d.visit,
    d.at, d.decided_at, d.catalogue_version, d.campaign, d.revision, d.offer_id, d.offer::text, d.channel, d.expires_at,
    d.reasons::text, d.counts::text, d.draws::text, d.refusals::text, d.scores::text, g.rows::text, d.customer_key,
    d.code_version
FROM decisions AS d
JOIN customers AS c ON c.key = d.customer_key AND c.erased_at IS NULL
CROSS JOIN LATERAL (
    SELECT json_agg(json_build_array(campaign, arm, offer_id, policy, tags, channel, cost, slice, code)
        ORDER BY campaign COLLATE "C") AS rows
    FROM grants WHERE decision_id = d.decision_id
) AS g
WHERE d.decision_id >= %(first_id)s AND d.decision_id < %(last_id)s AND d.decided_at >= %(since)s
    AND d.decided_at < %(until)s
ORDER BY d.seq
"""

# Fields that are JSON.
DOCUMENTS = ("offer", "reasons", "counts", "draws", "refusals", "scores")

MOVES = """
SELECT site || '/' || zone, type, count(*) FROM moves
WHERE event_id >= %(first_id)s AND event_id < %(last_id)s AND recorded_at >= %(since)s AND recorded_at < %(until)s
GROUP BY 1, 2
"""
# The day of the first pings that are kept, where somebody was here before: then some may be gone.
FIRST_KEPT = """
SELECT min(received_on) FROM pings
WHERE EXISTS (SELECT FROM customers WHERE created_at < (SELECT min(received_on) FROM pings))
"""

_located = msgspec.json.Decoder(Located)
_body = msgspec.json.Decoder(dict[str, Any])
_json = msgspec.json.Decoder()
_charged = msgspec.json.Decoder(list[Charged])


class Range(NamedTuple):
    """From `since` on, to before `until`, by the service's clock."""

    since: datetime
    until: datetime

    @property
    def params(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "until": self.until,
            "first": self.since.date(),
            "last": self.until.date(),
            "first_id": first_uuid7(self.since),
            "last_id": first_uuid7(self.until + timedelta(milliseconds=1)),
        }


class Recorded(NamedTuple):
    """A decision as it was kept; `code_version` of the engine that made it."""

    seq: int
    code_version: str
    decided: Decided


def entries(connection: Connection[Any], span: Range, *, anew: bool) -> Iterator[Entry]:
    """All causes of the range in the order of `seq`; `anew`: pings are to be located by what they heard.

    Keep the connection's transaction, which is to be REPEATABLE READ, open until the last has come.
    """
    what, make = ("body::text", _heard_again) if anew else ("fix::text", _placed)
    pings = (make(row) for row in _stream(connection, "pings", PINGS.format(what=what), span))
    changes = (_change(row) for row in _stream(connection, "changes", CHANGES, span))
    return merge(pings, (one for one in changes if one is not None), key=lambda entry: entry.seq)


def recorded(connection: Connection[Any], span: Range) -> Iterator[Recorded]:
    """What was decided in the range, in the order of `seq`."""
    for row in _stream(connection, "decisions", DECISIONS, span):
        yield _recorded(row)


def moves(connection: Connection[Any], span: Range) -> list[tuple[str, str, int]]:
    """(zone, kind of move, how many) of the range."""
    return list(connection.cursor(row_factory=tuple_row).execute(MOVES, span.params))


def first_kept(connection: Connection[Any]) -> date | None:
    """The first day whose pings are kept, where there may have been earlier ones; None where all are."""
    found = connection.cursor(row_factory=tuple_row).execute(FIRST_KEPT).fetchone()
    return found[0] if found else None


def _stream(connection: Connection[Any], name: str, sql: str, span: Range) -> Iterator[Row]:
    with connection.cursor(name=f"history_{name}", row_factory=tuple_row) as cursor:
        cursor.itersize = AT_ONCE
        yield from cursor.execute(sql, span.params)


def _placed(row: Row) -> Pinged:
    return _pinged(
        row, lambda ping, fix: msgspec.structs.replace(ping, located=_located.decode(fix)) if fix else ping
    )


def _heard_again(row: Row) -> Pinged:
    def with_sightings(ping: Ping, body: str) -> Ping:
        sightings, position = heard_in(body)
        sightings = corrected_sightings(sightings, ping.offset_ms)
        return msgspec.structs.replace(ping, sightings=sightings, position=position)

    return _pinged(row, with_sightings)


def _pinged(row: Row, told: Callable[[Ping, str], Ping]) -> Pinged:
    seq, now, customer, version, installation, ping_id, at, offset, seed, what = row
    ping = Ping(installation, ping_id, at, offset, seed, now.date().isoformat())
    return Pinged(seq, now, customer, version, told(ping, what))


def _change(row: Row) -> Entry | None:
    """None for a tick of whoever was erased since."""
    seq, now, customer, kind, text = row
    body = _body.decode(text)
    if kind != "tick":
        return Changed(seq, now, customer, kind, body)
    if not body:
        return None
    installation, seed, version = body["installation"], body["seed"], body.get("version")
    if "waited" in body:
        waiting = msgspec.convert(body["waited"], Waiting)
        return CameDue(seq, now, customer, version, Due(installation, waiting, seed))
    until_at = msgspec.convert(body["until_at"], datetime)
    return Fired(seq, now, customer, version, Tick(installation, until_at, seed))


def _recorded(row: Row) -> Recorded:
    seq, *told, grants, customer_key, code_version = row
    named = dict(zip(FIELDS, (*told, None), strict=True))
    for name in DOCUMENTS:
        named[name] = None if named[name] is None else _json.decode(named[name])
    named["grants"] = _charged.decode(grants) if grants else []
    return Recorded(seq, code_version, Decided(**named, customer_key=customer_key))
