"""What triggers campaigns without a phone's move: events that customers bring from elsewhere, and their absence.

Found by looking, not by being told, so that nothing is lost where a process dies: an event is looked at once, by
whichever worker; absences are looked for by whoever leads, from where the last look ended.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from beacon_service import duties
from beacon_service.campaigns.model import Campaign, Moment, Waiting
from beacon_service.campaigns.programme import Programme
from beacon_service.campaigns.waiting import after_event, of_absence
from beacon_service.db import Connection, Row, Statement, round_trip
from beacon_service.hours import zone_of
from beacon_service.ids import derived_uuid
from beacon_service.pings import store

# As many as one statement takes well.
MOST = 500
DUTY = "absences"

# The phone that they were last given: whoever has none can be sent nothing.
_PHONE = """
    SELECT key, time_zone FROM installations
    WHERE customer_key = whose.key AND revoked_at IS NULL ORDER BY created_at DESC, key DESC LIMIT 1
"""
UNNOTICED = f"""
SELECT e.event_id, e.type, e.at, e.customer_key, phone.key
FROM events e
JOIN LATERAL (SELECT e.customer_key AS key) AS whose ON true
LEFT JOIN LATERAL ({_PHONE}) AS phone ON true
WHERE NOT e.noticed ORDER BY e.received_at LIMIT %(most)b::bigint
FOR UPDATE OF e SKIP LOCKED
"""  # noqa: S608 - a part that is constant
NOTICED = "UPDATE events SET noticed = true WHERE event_id = ANY(%(ids)b::text[])"
ABSENT = f"""
SELECT whose.key, whose.seen_on, phone.key, phone.time_zone
FROM customers AS whose
JOIN LATERAL ({_PHONE}) AS phone ON true
WHERE whose.seen_on <= %(last)b::date AND whose.seen_on > %(first)b::date AND whose.erased_at IS NULL
    AND whose.key > %(after)b::bigint
ORDER BY whose.key LIMIT %(most)b::bigint
"""  # noqa: S608 - a part that is constant
DECIDED = "SELECT moment_key FROM decisions WHERE moment_key = ANY(%(keys)b::uuid[])"

_LONG_AGO = date(1970, 1, 1)

Seed = Callable[[], int]


def notice_events(connection: Connection, programme: Programme, now: datetime, seed: Seed) -> int:
    """Look at events that nobody has looked at; answers how many, at most `MOST`. The caller commits."""
    (rows,) = round_trip(connection, [Statement(UNNOTICED, {"most": MOST})])
    if not rows:
        return 0
    waiting = list(_after_events(rows, programme, now, seed))
    statements = [Statement(NOTICED, {"ids": [row[0] for row in rows]})]
    if waiting:
        statements.append(store.save_waiting(waiting))
    round_trip(connection, statements)
    return len(rows)


def _after_events(rows: Sequence[Row], programme: Programme, now: datetime, seed: Seed) -> Iterator[Waiting]:
    for event_id, kind, at, customer_key, phone in rows:
        for campaign in programme.after_event(kind) if phone is not None else ():
            key = derived_uuid("moment", "event", event_id, campaign.id)
            moment = _moment(_Cause(key, f"event:{kind}", at, seed()), customer_key, phone)
            if (found := after_event(moment, campaign, now)) is not None:
                yield found


def notice_absences(connection: Connection, programme: Programme, now: datetime, seed: Seed) -> int:
    """Look for who has been away long enough since the last look; answers how many. The caller commits."""
    before = duties.progress(connection, DUTY, dict[str, date]) or {}
    reached, count = {}, 0
    for campaign in programme.of_absence():
        assert campaign.trigger.absent_days is not None, "of an absence"
        last = now.date() - timedelta(days=campaign.trigger.absent_days)
        for absent in _absent(connection, before.get(campaign.id, _LONG_AGO), last):
            waiting = [_of_absence(one, campaign, programme, now, seed) for one in absent]
            count += _save_new(connection, waiting)
        reached[campaign.id] = last
    duties.remember(connection, DUTY, now, reached)
    return count


class _Absent(NamedTuple):
    customer_key: int
    seen_on: date
    installation_key: int
    time_zone: str | None


def _absent(connection: Connection, first: date, last: date) -> Iterator[list[_Absent]]:
    """Those last seen after the first of the days and up to the last one."""
    after = 0
    while True:
        params = {"first": first, "last": last, "after": after, "most": MOST}
        (rows,) = round_trip(connection, [Statement(ABSENT, params)])
        if not rows:
            return
        yield [_Absent(*row) for row in rows]
        after = rows[-1][0]


def _of_absence(one: _Absent, campaign: Campaign, programme: Programme, now: datetime, seed: Seed) -> Waiting:
    key = derived_uuid("moment", "absence", campaign.id, one.customer_key, one.seen_on.isoformat())
    clock = zone_of(one.time_zone) or programme.policy.time_zone
    moment = _moment(_Cause(key, "absent", now, seed()), one.customer_key, one.installation_key)
    return of_absence(moment, campaign, now.astimezone(clock))


def _save_new(connection: Connection, waiting: Sequence[Waiting]) -> int:
    """A campaign that was away for a while looks again at absences that it has decided."""
    keys = [one.moment.key for one in waiting]
    (rows,) = round_trip(connection, [Statement(DECIDED, {"keys": keys})])
    decided = {key for (key,) in rows}
    new = [one for one in waiting if one.moment.key not in decided]
    if new:
        round_trip(connection, [store.save_waiting(new)])
    return len(new)


class _Cause(NamedTuple):
    key: UUID
    move: str
    at: datetime
    seed: int


def _moment(cause: _Cause, customer_key: int, phone: int) -> Moment:
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
