"""A request of pings, from found installations to saved decisions: load, one step of the engine, save.

The edge owns the transaction and calls this inside it. What it raises of its own (`CatalogueBehindError`,
`InstallationMovedError`) means that nothing was written and that the transaction is to be begun anew.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from beacon_service.campaigns.model import Memory
from beacon_service.db import Connection, Statement, finish
from beacon_service.engine import Followed, Ping, Told, World, follow
from beacon_service.pings import store
from beacon_service.pings.answer import PingAnswer, ResultOut, StoredAnswer, answer_of, stored_answer
from beacon_service.pings.records import Presented, Seen, StoredPing, still_holds
from beacon_service.pings.schema import ParsedPing, PingRequest, Unreadable
from beacon_service.pings.settle import Given, save_results, settle
from beacon_service.visits.model import Presence
from beacon_service.visits.screen import corrected, offset_ms

# How soon the phone may report again: often enough to see someone pass through an aisle.
NEXT_PING_AFTER_S = 5

# (installation, ping_id): one report, however often it is sent.
PingName = tuple[int, str]


class _Repeated(NamedTuple):
    result: ResultOut
    answer: StoredAnswer


class _New(NamedTuple):
    cause: Ping
    parsed: ParsedPing


class _Kept(NamedTuple):
    """A new ping after the step, to be stored."""

    new: _New
    followed: Followed
    told: Told
    answer: StoredAnswer


_Entry = ResultOut | _Repeated | _New


def ingest(
    connection: Connection, given: Given, request: PingRequest, found: Mapping[str, Presented]
) -> PingAnswer:
    """Decide and save all that is new in the request and answer for each ping, in the request's order."""
    names = [
        (found[installation_id].key, ping.ping_id)
        for installation_id, ping in request.pings
        if isinstance(ping, ParsedPing) and installation_id in found
    ]
    since = given.catalogue.ledger_since(given.now)
    loaded = store.load(connection, found.values(), names, today=given.now.date(), ledger_since=since)
    still_holds(loaded, found.values(), given.catalogue.version)
    entries = _entries(request, found, loaded.world, loaded.seen, given)
    new = sorted(
        (entry for entry in entries if isinstance(entry, _New)),
        key=lambda entry: (entry.cause.at, entry.cause.installation_key, entry.cause.ping_id),
    )
    followed, presences = follow(given.catalogue, loaded.world, [entry.cause for entry in new], given.now)
    told, memories = settle(given, loaded.world, followed, store.TallyLocks(connection))
    steps = [
        _Kept(entry, one, said, answer_of(said, loaded.world.installations[entry.cause.installation_key].id))
        for entry, one, said in zip(new, followed, told, strict=True)
    ]
    kept = [one for one in steps if one.followed.status != "rejected"]
    finish(connection, _statements(given, loaded.world, kept, presences, memories) if kept else [])
    return _answer(entries, steps, loaded.world, given.now)


def _entries(
    request: PingRequest,
    found: Mapping[str, Presented],
    world: World,
    seen: Mapping[PingName, Seen],
    given: Given,
) -> list[_Entry]:
    entries: list[_Entry] = []
    fresh: dict[PingName, bytes] = {}
    offsets = {
        key: offset_ms(installation.presence.offset_ms, request.sent_at, given.now)
        for key, installation in world.installations.items()
    }
    for installation_id, ping in request.pings:
        if isinstance(ping, Unreadable):
            entries.append(ResultOut(installation_id, ping.ping_id, "rejected", ("malformed",), ping.detail))
            continue
        if installation_id not in found:
            entries.append(ResultOut(installation_id, ping.ping_id, "rejected", ("unknown_installation",)))
            continue
        name = (found[installation_id].key, ping.ping_id)
        known = fresh.get(name) or (seen[name].content_hash if name in seen else None)
        if known is None:
            fresh[name] = ping.content_hash
            cause = _cause(name, ping, offsets[name[0]], given)
            entries.append(_New(cause, ping))
        elif known == ping.content_hash:
            result = ResultOut(installation_id, ping.ping_id, "duplicate")
            entries.append(_Repeated(result, _told_before(seen.get(name), given.now)))
        else:
            entries.append(ResultOut(installation_id, ping.ping_id, "rejected", ("id_reused",)))
    return entries


def _cause(name: PingName, ping: ParsedPing, offset: int, given: Given) -> Ping:
    return Ping(
        installation_key=name[0],
        ping_id=ping.ping_id,
        at=corrected(ping.at, offset),
        offset_ms=offset,
        seed=given.seed(),
        received_on=given.now.date().isoformat(),
        sightings=ping.sightings,
        position=ping.position,
    )


def _told_before(seen: Seen | None, now: datetime) -> StoredAnswer:
    """A repetition within the request itself is answered by the first of its kind."""
    return StoredAnswer() if seen is None or seen.answer is None else stored_answer(seen.answer).at(now)


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
    pings = store.save_pings(rows, changed, now=given.now, version=given.catalogue.version)
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
        fix=msgspec.json.encode(one.followed.located) if one.followed.status == "accepted" else None,
        answer=msgspec.json.encode(one.answer) if one.answer else None,
    )


def _answer(entries: Sequence[_Entry], steps: Sequence[_Kept], world: World, now: datetime) -> PingAnswer:
    verdicts = {(one.new.cause.installation_key, one.new.cause.ping_id): one.followed for one in steps}
    results: list[ResultOut] = []
    answers: list[StoredAnswer] = [one.answer.at(now) for one in steps if one.answer]
    for entry in entries:
        if isinstance(entry, ResultOut):
            results.append(entry)
        elif isinstance(entry, _Repeated):
            results.append(entry.result)
            answers.append(entry.answer)
        else:
            key, ping_id = entry.cause.installation_key, entry.cause.ping_id
            verdict = verdicts[key, ping_id]
            results.append(ResultOut(world.installations[key].id, ping_id, verdict.status, verdict.reasons))
    return PingAnswer(
        results=results,
        events=[event for answer in answers for event in answer.events],
        decisions=[decision for answer in answers for decision in answer.decisions],
        next_ping_after_s=NEXT_PING_AFTER_S,
    )
