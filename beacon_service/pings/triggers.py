"""What triggers campaigns without a phone's move: events that customers bring from elsewhere, and their absence.

Found by looking, not by being told, so that nothing is lost where a process dies: an event is looked at once, by
whichever worker; absences are looked for by whoever leads, from where the last look ended.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine

from beacon_service import duties
from beacon_service.campaigns.model import Campaign
from beacon_service.campaigns.moment import Moment, Waiting
from beacon_service.campaigns.programme import Programme
from beacon_service.campaigns.waiting import ABSENCE, after_event, event_move, of_absence
from beacon_service.configuration.store import CATALOGUE_LOCK
from beacon_service.db import Connection, Row, Statement, round_trip, transaction
from beacon_service.engine import Given
from beacon_service.hours import zone_of
from beacon_service.ids import derived_uuid
from beacon_service.pings import waiting_store
from beacon_service.pings.records import CatalogueBehindError

# As many as one statement takes well.
MOST = 500
DUTY = "absences"

# Customers are held, so that no erasure passes by what is kept here. Whoever holds one may be about to erase their
# events: those are left to the next look, since waiting for the customer would be waiting for each other.
UNNOTICED = """
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%(lock)b))
SELECT e.event_id, e.type, e.at, e.customer_key
FROM held, events e
JOIN customers c ON c.key = e.customer_key
WHERE NOT e.noticed ORDER BY e.received_at LIMIT %(most)b::bigint
FOR UPDATE OF e SKIP LOCKED FOR KEY SHARE OF c SKIP LOCKED
"""
# The phone that each was last given, and the configuration's version; read under the locks.
PHONES = """
SELECT whose.key, phone.key, phone.time_zone, (SELECT version FROM catalogue)
FROM unnest(%(customers)b::bigint[]) AS whose (key)
LEFT JOIN LATERAL (
    SELECT key, time_zone FROM installations
    WHERE customer_key = whose.key AND revoked_at IS NULL ORDER BY created_at DESC, key DESC LIMIT 1
) AS phone ON true
"""
NOTICED = "UPDATE events SET noticed = true WHERE event_id = ANY(%(ids)b::text[])"
# Nobody is passed over: whoever is held is waited for, in key order as everywhere.
ABSENT = """
SELECT key, seen_on FROM customers
WHERE seen_on <= %(last)b::date AND seen_on > %(first)b::date AND erased_at IS NULL AND key > %(after)b::bigint
ORDER BY key LIMIT %(most)b::bigint
FOR KEY SHARE
"""

# When each of these campaigns came to be as it is.
EDITED = """
SELECT DISTINCT ON (key) key, at FROM catalogue_log
WHERE kind = 'campaign' AND key = ANY(%(campaigns)b::text[]) ORDER BY key, version DESC
"""

_LONG_AGO = date(1970, 1, 1)

Seed = Callable[[], int]


def notice_events(connection: Connection, given: Given) -> int:
    """Look at events that nobody has looked at; answers how many, at most `MOST`. The caller commits.

    Raises CatalogueBehindError where the configuration was edited meanwhile: what is looked at once must be looked
    at by the newest programme.
    """
    (rows,) = round_trip(connection, [Statement(UNNOTICED, {"lock": CATALOGUE_LOCK, "most": MOST})])
    if not rows:
        return 0
    phones, version = _phones(connection, {row[3] for row in rows})
    if version != given.catalogue.version:
        raise CatalogueBehindError(version)
    statements = [Statement(NOTICED, {"ids": [row[0] for row in rows]})]
    if waiting := list(_after_events(rows, phones, given)):
        statements.append(waiting_store.save(waiting))
    round_trip(connection, statements)
    return len(rows)


class _Phone(NamedTuple):
    key: int
    time_zone: str | None


def _phones(connection: Connection, customers: Collection[int]) -> tuple[dict[int, _Phone], int]:
    """By customer: whoever has none is not among them, and can be sent nothing. And the configuration's version."""
    (rows,) = round_trip(connection, [Statement(PHONES, {"customers": list(customers)})])
    return {row[0]: _Phone(*row[1:3]) for row in rows if row[1] is not None}, rows[0][3]


def _after_events(rows: Sequence[Row], phones: Mapping[int, _Phone], given: Given) -> Iterator[Waiting]:
    for event_id, kind, at, customer_key in rows:
        if (phone := phones.get(customer_key)) is None:
            continue
        for campaign in given.catalogue.programme.triggers.after_event(kind):
            key = derived_uuid("moment", "event", event_id, campaign.id)
            moment = elsewhere(Elsewhere(key, event_move(kind), at, given.seed()), customer_key, phone.key)
            if (found := after_event(moment, campaign, given.now)) is not None:
                yield found


def notice_absences(engine: Engine, programme: Programme, now: datetime, seed: Seed) -> int:
    """Look for who has been away long enough since the last look; answers how many.

    Committed page by page; who dies half-way looks again, and what waits already or was decided is not told twice.
    """
    campaigns = programme.triggers.of_absence()
    with transaction(engine) as connection:
        before = duties.progress(connection, DUTY, dict[str, date]) or {}
        edited = _edited(connection, campaigns)
    reached, count = {}, 0
    for campaign in campaigns:
        assert campaign.trigger.absent_days is not None, "of an absence"
        last = now.date() - timedelta(days=campaign.trigger.absent_days)
        look = _look(campaign)
        # Looks of former versions went by the campaign alone.
        first = before.get(
            look, before.get(campaign.id, _beginning(campaign, edited.get(campaign.id, now), last))
        )
        params: dict[str, object] = {"first": first, "last": last, "most": MOST}
        after: int | None = 0
        while after is not None:
            with transaction(engine) as connection:
                absent, after = _absent(connection, {**params, "after": after})
                count += _save_new(
                    connection, [_of_absence(one, campaign, programme, now, seed) for one in absent]
                )
        reached[look] = last
    with transaction(engine) as connection:
        duties.remember(connection, DUTY, now, reached)
    return count


def _look(campaign: Campaign) -> str:
    """Names how far it was looked, and for whom; another trigger begins anew. No id has an at sign."""
    trigger = campaign.trigger
    return f"{campaign.id}@{trigger.absent_days}{'+' if trigger.already_absent else ''}"


def _edited(connection: Connection, campaigns: Sequence[Campaign]) -> dict[str, datetime]:
    """When each was last edited: of one that nobody has looked for yet, when it was published."""
    asked = {"campaigns": [campaign.id for campaign in campaigns]}
    (rows,) = round_trip(connection, [Statement(EDITED, asked)])
    return dict(rows)


def _beginning(campaign: Campaign, published_at: datetime, last: date) -> date:
    """Where the first look begins, that is, when the campaign was published: with those of that very day.

    Who had been away for longer would all be told at once, and nobody means that who asks for thirty days.
    """
    if campaign.trigger.already_absent:
        return _LONG_AGO
    assert campaign.trigger.absent_days is not None, "of an absence"
    of_that_day = published_at.astimezone(UTC).date() - timedelta(days=campaign.trigger.absent_days)
    return min(of_that_day, last) - timedelta(days=1)


class _Absent(NamedTuple):
    customer_key: int
    seen_on: date
    installation_key: int
    time_zone: str | None


def _absent(connection: Connection, params: Mapping[str, object]) -> tuple[list[_Absent], int | None]:
    """A page of those last seen after the first of the days and up to the last one, held; and its last customer."""
    (rows,) = round_trip(connection, [Statement(ABSENT, params)])
    if not rows:
        return [], None
    phones, _ = _phones(connection, {key for key, _ in rows})
    return [_Absent(key, seen_on, *phones[key]) for key, seen_on in rows if key in phones], rows[-1][0]


def _save_new(connection: Connection, waiting: Sequence[Waiting]) -> int:
    if not waiting:
        return 0
    (saved,) = round_trip(connection, [waiting_store.save_undecided(waiting)])
    return len(saved)


def _of_absence(one: _Absent, campaign: Campaign, programme: Programme, now: datetime, seed: Seed) -> Waiting:
    key = derived_uuid("moment", "absence", campaign.id, one.customer_key, one.seen_on.isoformat())
    clock = zone_of(one.time_zone) or programme.policy.time_zone
    moment = elsewhere(Elsewhere(key, ABSENCE, now, seed()), one.customer_key, one.installation_key)
    return of_absence(moment, campaign, now.astimezone(clock))


class Elsewhere(NamedTuple):
    """What makes a moment at no place: an event, or an absence."""

    key: UUID
    move: str
    at: datetime
    seed: int


def elsewhere(cause: Elsewhere, customer_key: int, phone: int) -> Moment:
    """At no place: visits have no number, and what began is the moment itself."""
    return Moment(
        key=cause.key,
        customer_key=customer_key,
        installation_key=phone,
        site="",
        zone="",
        move=cause.move,
        dwell_s=None,
        visit=0,
        visit_started_at=cause.at,
        at=cause.at,
        seed=cause.seed,
        channel="inbox",
    )
