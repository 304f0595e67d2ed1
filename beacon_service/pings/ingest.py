"""Requests of pings, from found installations to saved decisions: load, one step of the engine, save.

The edge owns the transaction and calls this inside it. What it raises of its own (`CatalogueBehindError`,
`InstallationMovedError`) means that nothing was written and that the transaction is to be begun anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from beacon_service.campaigns.moment import Memory
from beacon_service.db import Connection, Statement, finish
from beacon_service.engine import Followed, Given, Ping, Told, World, follow, settle
from beacon_service.pings import loading, saving
from beacon_service.pings.answer import NOTHING, PingAnswer, ResultOut, StoredAnswer, answer_of, stored_answer
from beacon_service.pings.hand_out import CodeTaker
from beacon_service.pings.pace import CAMPAIGN_S, pace_s
from beacon_service.pings.records import Presented, Seen, StoredPing, still_holds
from beacon_service.pings.results import save_results
from beacon_service.pings.schema import ParsedPing, PingRequest, Unreadable
from beacon_service.pings.tallies import TallyLocks
from beacon_service.visits.model import Presence
from beacon_service.visits.screen import corrected, measured_ms, offset_ms
from beacon_service.zones.model import NOWHERE, Sighting

_encode = msgspec.json.Encoder().encode

# (installation, ping_id): one report, however often it is sent.
PingName = tuple[int, str]


class Asked(NamedTuple):
    """One request, and the installations that it may report for, by id."""

    request: PingRequest
    found: Mapping[str, Presented]
    received_at: datetime  # before it waited for others: by this the phone's clock is judged


class _Repeated(NamedTuple):
    """Stored before: as told then."""

    result: ResultOut
    answer: StoredAnswer


class _Echo(NamedTuple):
    """The same as a new one of this very step, which may be another request's: a retry that overtook."""

    name: PingName


class _New(NamedTuple):
    cause: Ping
    parsed: ParsedPing


class _Kept(NamedTuple):
    """A new ping after the step, to be stored."""

    new: _New
    followed: Followed
    told: Told
    answer: StoredAnswer


_Entry = ResultOut | _Repeated | _Echo | _New


def ingest(connection: Connection, given: Given, asked: Sequence[Asked]) -> list[PingAnswer]:
    """Decide and save all that is new in the requests, in one transaction; each one's answer, in its own order."""
    found = {one.key: one for each in asked for one in each.found.values()}
    names = {name for each in asked for name in _names(each)}
    since = given.catalogue.ledger_since(given.now)
    loaded = loading.load(connection, found.values(), names, today=given.now.date(), ledger_since=since)
    still_holds(loaded, found.values(), given.catalogue.version)
    fresh: dict[PingName, bytes] = {}
    entries = [_entries(each, loaded.world, loaded.seen, fresh, given) for each in asked]
    new = sorted((entry for some in entries for entry in some if isinstance(entry, _New)), key=_turn)
    followed, presences = follow(given.catalogue, loaded.world, [entry.cause for entry in new], given.now)
    told, memories = settle(
        given, loaded.world, followed, TallyLocks(connection), CodeTaker(connection, given.now)
    )
    steps = [
        _Kept(entry, one, said, answer_of(said, loaded.world.installations[entry.cause.installation_key].id))
        for entry, one, said in zip(new, followed, told, strict=True)
    ]
    kept = [one for one in steps if one.followed.status != "rejected"]
    finish(connection, _statements(given, loaded.world, kept, presences, memories) if kept else [])
    by_name = {_name_of(one.new): one for one in steps}
    paces = (_pace(each, by_name, loaded.world, presences, given) for each in asked)
    return [
        _answer(some, by_name, loaded.world, given.now, pace)
        for some, pace in zip(entries, paces, strict=True)
    ]


def _turn(entry: _New) -> tuple[datetime, int, str]:
    """Pings of one step are taken in the order in which they were made."""
    cause = entry.cause
    return cause.at, cause.installation_key, cause.ping_id


def _names(asked: Asked) -> Iterator[PingName]:
    for installation_id, ping in asked.request.pings:
        if isinstance(ping, ParsedPing) and installation_id in asked.found:
            yield asked.found[installation_id].key, ping.ping_id


class _Known(NamedTuple):
    """What an entry is judged by: stored before, new in this step, and how wrong the phones' clocks are."""

    seen: Mapping[PingName, Seen]
    fresh: dict[PingName, bytes]
    offsets: Mapping[int, int]


def _entries(
    asked: Asked, world: World, seen: Mapping[PingName, Seen], fresh: dict[PingName, bytes], given: Given
) -> list[_Entry]:
    """What is to be said of each ping of a request; `fresh` collects the new ones of all requests."""
    measured = measured_ms(asked.request.sent_at, asked.received_at)
    offsets = {
        one.key: offset_ms(world.installations[one.key].presence.offset_ms, measured)
        for one in asked.found.values()
    }
    known = _Known(seen, fresh, offsets)
    return [
        _entry(installation_id, ping, asked.found.get(installation_id), known, given)
        for installation_id, ping in asked.request.pings
    ]


def _entry(
    installation_id: str,
    ping: ParsedPing | Unreadable,
    installation: Presented | None,
    known: _Known,
    given: Given,
) -> _Entry:
    if isinstance(ping, Unreadable):
        return ResultOut(installation_id, ping.ping_id, "rejected", ("malformed",), ping.detail)
    if installation is None:
        return ResultOut(installation_id, ping.ping_id, "rejected", ("unknown_installation",))
    name = (installation.key, ping.ping_id)
    before = known.seen.get(name)
    content_hash = before.content_hash if before else known.fresh.get(name)
    if content_hash is None:
        known.fresh[name] = ping.content_hash
        return _New(_cause(name, ping, known.offsets[installation.key], given), ping)
    if content_hash != ping.content_hash:
        return ResultOut(installation_id, ping.ping_id, "rejected", ("id_reused",))
    if before is None:
        return _Echo(name)
    return _Repeated(ResultOut(installation_id, ping.ping_id, "duplicate"), _told_before(before, given.now))


def _cause(name: PingName, ping: ParsedPing, offset: int, given: Given) -> Ping:
    return Ping(
        installation_key=name[0],
        ping_id=ping.ping_id,
        at=corrected(ping.at, offset),
        offset_ms=offset,
        seed=given.seed(),
        received_on=given.today,
        sightings=corrected_sightings(ping.sightings, offset),
        position=ping.position,
    )


def corrected_sightings(sightings: tuple[Sighting, ...], offset: int) -> tuple[Sighting, ...]:
    """Their times on the ping's clock; most phones' clocks are right, and most sightings have no time of their own."""
    if offset == 0 or all(one.at is None for one in sightings):
        return sightings
    return tuple(
        one if one.at is None else msgspec.structs.replace(one, at=corrected(one.at, offset))
        for one in sightings
    )


def _told_before(seen: Seen, now: datetime) -> StoredAnswer:
    return NOTHING if seen.answer is None else stored_answer(seen.answer).at(now)


def _statements(
    given: Given,
    world: World,
    kept: Sequence[_Kept],
    presences: Mapping[int, Presence],
    memories: Mapping[int, Memory],
) -> list[Statement]:
    last_place = {one.new.cause.installation_key: place for place, one in enumerate(kept)}
    changed = {key: (presence, last_place[key]) for key, presence in presences.items()}
    rows = [_row(one, world) for one in kept]
    pings = saving.save_pings(rows, changed, now=given.now, version=given.catalogue.version)
    evidence = [(one.new.cause.received_on, one.new.cause.ping_id) for one in kept]
    return [pings, *save_results(given, [one.told for one in kept], memories, evidence)]


def _row(one: _Kept, world: World) -> StoredPing:
    cause = one.new.cause
    return StoredPing(
        installation_key=cause.installation_key,
        ping_id=cause.ping_id,
        customer_key=world.installations[cause.installation_key].customer_key,
        status=one.followed.status,
        at=cause.at,
        offset_ms=cause.offset_ms,
        seed=cause.seed,
        content_hash=one.new.parsed.content_hash,
        body=one.new.parsed.body,
        fix=_encode(one.followed.located) if one.followed.status == "accepted" else None,
        answer=_encode(one.answer) if one.answer else None,
    )


def _pace(
    asked: Asked,
    steps: Mapping[PingName, _Kept],
    world: World,
    presences: Mapping[int, Presence],
    given: Given,
) -> int:
    """When to report again: a phone by where it is, a gateway as if some phone were always where it matters."""
    if asked.request.many or len(asked.found) != 1:
        return CAMPAIGN_S
    (found,) = asked.found.values()
    installation = world.installations[found.key]
    presence = presences.get(found.key, installation.presence)
    newest = steps.get((found.key, presence.ping[1])) if presence.ping else None
    located = newest.followed.located if newest else NOWHERE
    return pace_s(given.catalogue, installation, presence, located)


def _answer(
    entries: Sequence[_Entry], steps: Mapping[PingName, _Kept], world: World, now: datetime, pace: int
) -> PingAnswer:
    """Verdicts in the request's order; moves and offers in that in which they came about, each ping's once."""
    own = {_name_of(entry): None for entry in entries if isinstance(entry, (_New, _Echo))}
    told = sorted((one for name in own if (one := steps[name]).answer), key=lambda one: _turn(one.new))
    answers = [one.answer.at(now) for one in told]
    answers += [entry.answer for entry in entries if isinstance(entry, _Repeated) and entry.answer]
    return PingAnswer(
        results=[_result(entry, steps, world) for entry in entries],
        events=[event for answer in answers for event in answer.events],
        decisions=[decision for answer in answers for decision in answer.decisions],
        next_ping_after_s=pace,
    )


def _name_of(entry: _New | _Echo) -> PingName:
    return entry.name if isinstance(entry, _Echo) else (entry.cause.installation_key, entry.cause.ping_id)


def _result(entry: _Entry, steps: Mapping[PingName, _Kept], world: World) -> ResultOut:
    if isinstance(entry, ResultOut):
        return entry
    if isinstance(entry, _Repeated):
        return entry.result
    key, ping_id = _name_of(entry)
    verdict = steps[key, ping_id].followed
    repeats = isinstance(entry, _Echo) and verdict.status != "rejected"
    status = "duplicate" if repeats else verdict.status
    return ResultOut(world.installations[key].id, ping_id, status, verdict.reasons)
