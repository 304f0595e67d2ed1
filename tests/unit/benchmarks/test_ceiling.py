"""The ceiling must be measured on the same bytes as single pings, and a server that answers something else is none."""

from datetime import UTC, datetime

from benchmarks import workload
from benchmarks.ceiling.app import ANSWER, create_app
from benchmarks.ceiling.contestant import Ceiling
from benchmarks.checking import check
from benchmarks.service.contestant import SinglePings, read_answer

BEGAN_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CEILING = Ceiling("")
PARTY = workload.party(range(20), seed=1, mix=CEILING.mix)


def response(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_it_is_sent_what_single_pings_are_on_as_many_connections():
    single = SinglePings("")
    sent = [exchange.request for exchange in CEILING.exchanges(PARTY, BEGAN_AT)]
    assert sent == [exchange.request for exchange in single.exchanges(PARTY, BEGAN_AT)]
    assert CEILING.connections == single.connections


def test_it_answers_a_constant_of_the_usual_form():
    client = create_app().test_client()
    assert client.post("/v1/pings", data=b"{}").data == ANSWER
    assert client.get("/readyz").status_code == 200
    assert read_answer(ANSWER).accepted == 1


def test_any_other_answer_is_wrong():
    exchanges = CEILING.exchanges(PARTY[:2], BEGAN_AT)
    verdict = check(CEILING, exchanges, [response(ANSWER), response(b"{}")])
    assert (verdict.pings, verdict.wrong) == (2, 1)
