from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from beacon_service.delivery.model import Charged, LedgerEntry, Offered, Report
from beacon_service.delivery.outcomes import apply, given_back

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
ONE = UUID(int=1)
TYPES = ("delivered", "viewed", "clicked", "dismissed", "redeemed")
CHARGES = (Charged("cap", "viewed", 1), Charged("budget", "delivered", 2), Charged("all", "decided", 1))


def entry(*, open_=True, outcomes=0, charged=CHARGES):
    return LedgerEntry(ONE, "coffee", 1, open_, outcomes, charged)


def judge(*types, ledger=None, at=NOW, decided_at=NOW):
    decisions = {ONE: Offered(ONE, 1, "coffee", decided_at)}
    held = {ONE: entry()} if ledger is None else ledger
    return apply([Report(ONE, type_, at) for type_ in types], decisions, held, {}, NOW)


def verdicts(applied):
    return [(verdict.status, verdict.reason) for verdict in applied.verdicts]


def test_the_first_of_its_kind_wins():
    first = judge("viewed")
    again = apply(
        [Report(ONE, "viewed", NOW + timedelta(seconds=9))],
        {ONE: Offered(ONE, 1, "coffee", NOW)},
        first.ledger,
        first.recorded,
        NOW,
    )
    assert verdicts(again) == [("duplicate", None)]
    assert again.verdicts[0].at == NOW
    assert again.news == []


def test_within_one_batch_too():
    assert verdicts(judge("viewed", "viewed")) == [("accepted", None), ("duplicate", None)]


def test_who_clicked_has_seen_it():
    assert judge("clicked").ledger[ONE].outcomes == 1 | 2 | 4


def test_a_decision_that_nobody_knows():
    applied = apply([Report(ONE, "viewed", NOW)], {}, {}, {}, NOW)
    assert verdicts(applied) == [("rejected", "unknown_decision")]


def test_nothing_can_become_of_a_decision_without_an_offer():
    assert verdicts(judge("viewed", ledger={})) == [("rejected", "nothing_offered")]


def test_a_time_that_cannot_be_is_refused():
    assert verdicts(judge("viewed", at=NOW + timedelta(seconds=121))) == [("rejected", "in_the_future")]
    early = judge("viewed", at=NOW - timedelta(seconds=121))
    assert verdicts(early) == [("rejected", "before_the_decision")]
    assert verdicts(judge("viewed", at=NOW - timedelta(seconds=119))) == [("accepted", None)]


def test_a_closing_grant_gives_back_what_nobody_reported():
    assert given_back(entry()) == Counter(cap=1, budget=2)
    assert given_back(entry(outcomes=1)) == Counter(cap=1)
    assert given_back(entry(outcomes=1 | 2)) == Counter()


def test_an_outcome_in_time_counts_within_the_limit():
    assert judge("viewed").late == Counter()


def test_an_outcome_after_the_release_counts_beside_the_limit_once():
    applied = judge("delivered", "viewed", "clicked", ledger={ONE: entry(open_=False)})
    assert [outcome.late for outcome in applied.news] == [True, True, True]
    assert applied.late == Counter(cap=1, budget=2)


def test_what_was_never_given_back_is_not_counted_again():
    applied = judge("viewed", ledger={ONE: entry(open_=False, outcomes=1)})
    assert applied.late == Counter(cap=1)


@given(st.lists(st.sampled_from(TYPES), max_size=8), st.integers(0, 8))
def test_whenever_it_closes_what_is_counted_in_the_end_is_what_happened(types, closes_after):
    """used - given back + late is the same as if the grant had stayed open to the end and then closed."""
    before = judge(*types[:closes_after])
    closed = replace(before.ledger[ONE], open=False)
    decisions = {ONE: Offered(ONE, 1, "coffee", NOW)}
    rest = [Report(ONE, type_, NOW) for type_ in types[closes_after:]]
    after = apply(rest, decisions, {ONE: closed}, before.recorded, NOW)
    counted = Counter(cap=1, budget=2)
    counted.subtract(given_back(closed))
    counted.update(after.late)
    never_closed = Counter(cap=1, budget=2)
    never_closed.subtract(given_back(judge(*types).ledger[ONE]))
    assert counted == never_closed
