"""Holds every answer against what must come out: speed with wrong answers is worth nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from benchmarks import workload
from benchmarks.contestants import Answer, Exchange, Kept, Reads
from benchmarks.wire import parse_response


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wrong` answers with the first told in words; `offers` as (phone, campaign), for the count of caps."""

    wrong: int
    first_wrong: str | None
    pings: int
    entered: int
    offers: tuple[tuple[str, str], ...]

    @property
    def kept(self) -> Kept:
        """What the database must have kept of it."""
        return Kept(self.pings, len(self.offers))


def joined(found: Iterable[Verdict]) -> Verdict:
    verdicts = list(found)
    return Verdict(
        wrong=sum(verdict.wrong for verdict in verdicts),
        first_wrong=next((verdict.first_wrong for verdict in verdicts if verdict.first_wrong), None),
        pings=sum(verdict.pings for verdict in verdicts),
        entered=sum(verdict.entered for verdict in verdicts),
        offers=tuple(offer for verdict in verdicts for offer in verdict.offers),
    )


def with_what_was_kept(verdict: Verdict, answered: Kept, found: Kept) -> Verdict:
    """One wrong answer more where the database did not keep what was answered: `accepted` is a promise."""
    if answered == found:
        return verdict
    told = (
        f"{found.pings} pings and {found.offers} offers were kept of {answered.pings} and {answered.offers}"
    )
    return replace(verdict, wrong=verdict.wrong + 1, first_wrong=verdict.first_wrong or told)


def expected_answer(exchange: Exchange) -> Answer:
    return Answer(
        accepted=len(exchange.pings),
        entered=frozenset(
            (workload.person_name(ping.person), workload.zone_name(ping.zone))
            for ping in exchange.pings
            if ping.enters
        ),
        offers=frozenset(
            (workload.person_name(ping.person), workload.winner(ping.zone))
            for ping in exchange.pings
            if ping.offers
        ),
    )


def check(contestant: Reads, exchanges: Sequence[Exchange], responses: Sequence[bytes]) -> Verdict:
    """The verdict on the answered exchanges: the first ones, since a round ends before its requests do."""
    complaints: list[str] = []
    answered = exchanges[: len(responses)]
    offers: list[tuple[str, str]] = []
    entered = 0
    for exchange, received in zip(answered, responses, strict=True):
        response = parse_response(received)
        if response.status != 200:
            complaints.append(f"status {response.status}: {response.body[:300].decode(errors='replace')}")
            continue
        answer = contestant.read(exchange, response.body)
        offers += answer.offers
        entered += len(answer.entered)
        complaint = _difference(expected_answer(exchange), answer)
        if complaint:
            complaints.append(complaint)
    return Verdict(
        wrong=len(complaints),
        first_wrong=complaints[0] if complaints else None,
        pings=sum(len(exchange.pings) for exchange in answered),
        entered=entered,
        offers=tuple(offers),
    )


def _difference(expected: Answer, answer: Answer) -> str | None:
    if answer == expected:
        return None
    if answer.accepted != expected.accepted:
        return f"accepted {answer.accepted} of {expected.accepted} pings"
    if answer.entered != expected.entered:
        return f"entered {_some(answer.entered)}, not {_some(expected.entered)}"
    return f"offered {_some(answer.offers)}, not {_some(expected.offers)}"


def _some(pairs: frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{who} {what}" for who, what in sorted(pairs)[:3]) or "nothing"


def caps_exceeded(offers: Iterable[tuple[str, str]], offers_per_day: int) -> int:
    """How many caps the offers break, by the offers alone; a run is shorter than any cap's window."""
    by_campaign = Counter(offers)
    by_phone = Counter(phone for phone, _ in by_campaign.elements())
    limits = {plan.name: plan.cap_per_customer for plan in workload.campaigns()}
    over_campaign = sum(
        count > limit
        for (_, campaign), count in by_campaign.items()
        if (limit := limits[campaign]) is not None
    )
    over_contact = sum(count > offers_per_day for count in by_phone.values())
    return over_campaign + over_contact
