"""What the people of a scene do, as the lines of a trace: so that they are played by who plays all traces."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from simulators.traces.model import (
    CustomerConsents,
    CustomerTold,
    Identified,
    InstallationConsents,
    Line,
    Ping,
    Registered,
    Report,
    Response,
)
from simulators.walks import Walk, WalkPing

# Walks have no date; any will do, since a trace gets its hour when it is played.
BEGINS_AT = datetime(2026, 1, 1, tzinfo=UTC)
SETS_OUT_AFTER_S = 2.0  # so that the first ones are registered before they set out
REGISTERS_BEFORE_S = 1.0
SENT_AGAIN_AFTER_S = 0.5  # by an app that waited in vain for the answer
VIEWED_SHARE = 0.6
CLICKED_SHARE = 0.4  # of those viewed
LOOKS_AFTER_S = 2.0  # after an offer came, and as long again before the tap


def lasts_s(walks: Sequence[Walk]) -> float:
    return SETS_OUT_AFTER_S + max((walk.ends_after_s for walk in walks), default=0.0)


def planned_pings(walks: Sequence[Walk]) -> int:
    return sum(1 + ping.sent_twice for walk in walks for ping in walk.pings)


def lines_of(walks: Sequence[Walk]) -> Iterator[Line]:
    """In order of time. The phone of the first walk is called 1, its person customer-1, and so on."""
    people = (_one_person(str(number), walk) for number, walk in enumerate(walks, start=1))
    return heapq.merge(*people, key=lambda line: line.at)


def truth_of(walks: Sequence[Walk]) -> dict[tuple[str, str], str | None]:
    """By phone and ping: the zone in which it really was, where that is known."""
    return {
        (str(number), ping_id(index)): ping.truth
        for number, walk in enumerate(walks, start=1)
        for index, ping in enumerate(walk.pings, start=1)
    }


def ping_id(index: int) -> str:
    return f"{index:05d}"


def _one_person(name: str, walk: Walk) -> Iterator[Line]:
    """The app's first start; where the brand knows the person, its backend says so; then the way."""
    sets_out_at = BEGINS_AT + timedelta(seconds=SETS_OUT_AFTER_S + walk.starts_after_s)
    at = sets_out_at - timedelta(seconds=REGISTERS_BEFORE_S)
    yield Registered(
        at=at,
        installation_id=name,
        platform=walk.platform,
        app_version="1.0",
        consents=InstallationConsents(walk.location_consent, walk.marketing_consent),
    )
    if walk.customer is not None:
        customer = f"customer-{name}"
        consents = CustomerConsents(walk.marketing_consent)
        yield CustomerTold(at=at, customer_id=customer, attributes=walk.customer, consents=consents)
        yield Identified(at=at, installation_id=name, customer_id=customer)
    yield _answers(name, at)
    for index, ping in enumerate(walk.pings, start=1):
        yield from _reports(name, walk, ping_id(index), ping, sets_out_at)


def _answers(name: str, at: datetime) -> Response:
    """Some look at an offer, and some of those tap on it."""
    return Response(
        at=at,
        installation_id=name,
        view=VIEWED_SHARE,
        click=CLICKED_SHARE,
        dismiss=0.0,
        redeem=0.0,
        buy=0.0,
        buy_if_offered=0.0,
        delay_s=LOOKS_AFTER_S,
    )


def _reports(name: str, walk: Walk, ping_id: str, ping: WalkPing, sets_out_at: datetime) -> Iterator[Report]:
    """One ping a report, at its moment; twice where its answer got lost. The phone's own clock may run ahead."""
    ahead = timedelta(seconds=walk.clock_ahead_s)
    at = sets_out_at + timedelta(seconds=ping.after_s)
    told = _told(ping_id, at + ahead, ping)
    yield Report(at=at, installation_id=name, sent_at=at + ahead, pings=(told,))
    if ping.sent_twice:
        again_at = at + timedelta(seconds=SENT_AGAIN_AFTER_S)
        yield Report(at=again_at, installation_id=name, sent_at=again_at + ahead, pings=(told,))


def _told(ping_id: str, at: datetime, ping: WalkPing) -> Ping:
    heard = {"sightings": [sighting.as_json() for sighting in ping.sightings]}
    fix = {"position": ping.position.as_json()} if ping.position else {}
    return {"ping_id": ping_id, "at": at.isoformat(), "foreground": True, **heard, **fix}
