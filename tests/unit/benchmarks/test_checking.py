"""A benchmark that does not notice wrong answers would praise whoever answers nothing."""

from dataclasses import replace

import pytest

from benchmarks import workload
from benchmarks.checking import Verdict, caps_exceeded, check, expected_answer, with_what_was_kept
from benchmarks.contestants import Exchange, Kept
from benchmarks.workload import PlannedPing

PING = PlannedPing(person=4, step=1, zone=0, latitude=30.29, longitude=120.07, enters=True, offers=True)
EXCHANGE = Exchange(b"", (PING,))
RIGHT = expected_answer(EXCHANGE)


class Parrot:
    def __init__(self, answer):
        self.answer = answer

    def read(self, exchange, body):
        return self.answer


def response(status=200):
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def test_the_right_answer_is_right():
    verdict = check(Parrot(RIGHT), [EXCHANGE], [response()])
    assert (verdict.wrong, verdict.pings, verdict.entered) == (0, 1, 1)
    assert verdict.offers == (("phone-00004", "cell-0000-twice-a-day"),)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (replace(RIGHT, accepted=0), "accepted 0 of 1 pings"),
        (replace(RIGHT, entered=frozenset()), "entered nothing, not phone-00004 cell-0000"),
        (
            replace(RIGHT, entered=frozenset({("phone-00004", "cell-0001")})),
            "entered phone-00004 cell-0001, not phone-00004 cell-0000",
        ),
        (replace(RIGHT, offers=frozenset()), "offered nothing, not phone-00004 cell-0000-twice-a-day"),
    ],
)
def test_a_wrong_answer_is_counted_and_told(answer, complaint):
    verdict = check(Parrot(answer), [EXCHANGE], [response()])
    assert (verdict.wrong, verdict.first_wrong) == (1, complaint)


def test_an_error_is_a_wrong_answer():
    verdict = check(Parrot(RIGHT), [EXCHANGE], [response(503)])
    assert verdict.wrong == 1
    assert verdict.first_wrong.startswith("status 503")


def test_requests_that_were_not_sent_are_not_judged():
    assert check(Parrot(RIGHT), [EXCHANGE, EXCHANGE], [response()]).pings == 1


def test_offers_beyond_a_cap_are_seen():
    once, twice = ("phone-00004", "cell-0000-once-ever"), ("phone-00004", "cell-0000-twice-a-day")
    assert caps_exceeded([once, twice, twice], 4) == 0
    assert caps_exceeded([once, once], 4) == 1
    assert caps_exceeded([twice, twice, twice], 4) == 1


@pytest.mark.parametrize("mix", [workload.REALISTIC, workload.WORST])
def test_one_offer_more_than_the_contact_policy_allows_is_seen(mix):
    offers = [("phone-00004", f"cell-{zone:04d}-once-ever") for zone in range(mix.offers_per_day + 1)]
    assert caps_exceeded(offers[1:], mix.offers_per_day) == 0
    assert caps_exceeded(offers, mix.offers_per_day) == 1


@pytest.mark.parametrize("found", [Kept(99, 20), Kept(100, 19), Kept(101, 20)])
def test_an_answer_that_was_not_kept_is_wrong(found):
    verdict = Verdict(wrong=0, first_wrong=None, pings=100, entered=20, offers=(("a", "b"),) * 20)
    assert with_what_was_kept(verdict, verdict.kept, Kept(100, 20)) == verdict
    judged = with_what_was_kept(verdict, verdict.kept, found)
    assert judged.wrong == 1
    assert f"{found.pings} pings and {found.offers} offers were kept of 100 and 20" in judged.first_wrong
