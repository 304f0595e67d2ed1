"""What the benchmark sends to the service and reads from its answers, held against the contract of the API."""

import json
from datetime import UTC, datetime

import pytest

from benchmarks import workload
from benchmarks.contestants import Answer, parties_for
from benchmarks.rounds import PEOPLE_PER_ROUND
from benchmarks.service.contestant import Batches, SinglePings, batches, read_answer, single
from benchmarks.workload import Mix

BEGAN_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PARTY = workload.party(range(100), seed=1, mix=Mix())


def body_of(exchange):
    return json.loads(exchange.request.partition(b"\r\n\r\n")[2])


def test_a_single_ping_carries_the_publishable_key_and_the_phones_own_token():
    exchange = single(PARTY[7], BEGAN_AT)
    assert b"Authorization: Bearer pk_" in exchange.request
    assert f"Beacon-Installation-Token: {workload.token_of(7)}".encode() in exchange.request
    assert body_of(exchange)["installation_id"] == "phone-00007"
    assert len(body_of(exchange)["pings"]) == 1


def test_a_batch_carries_a_hundred_phones_under_the_secret_key():
    first, second, *_ = batches(PARTY, BEGAN_AT)
    assert b"Authorization: Bearer sk_" in first.request
    assert len({batch["installation_id"] for batch in body_of(first)["batches"]}) == 100
    assert {ping.step for ping in second.pings} == {1}


@pytest.mark.parametrize("size", [20, 100, 500])
def test_a_batch_carries_as_many_phones_as_its_contestant_is_named_for(size):
    contestant = Batches("", party_size=size)
    party = workload.party(range(size), seed=1, mix=contestant.mix)
    exchanges = contestant.exchanges(party, BEGAN_AT)
    assert contestant.name == f"batch{size}"
    assert {len(body_of(exchange)["batches"]) for exchange in exchanges} == {size}


@pytest.mark.parametrize("seconds", [1.0, 3.0, 8.0])
def test_every_connection_has_as_many_parties_and_nobody_more_people_than_a_round_has(seconds):
    contestants = [SinglePings(""), *(Batches("", party_size=size) for size in (20, 100, 500))]
    for contestant in contestants:
        parties = parties_for(contestant, seconds)
        assert parties % contestant.connections == 0
        assert parties * contestant.party_size <= PEOPLE_PER_ROUND


def test_all_pings_of_a_round_are_recent_and_none_is_far_ahead():
    ages_s = [
        (BEGAN_AT - datetime.fromisoformat(batch["pings"][0]["at"])).total_seconds()
        for exchange in batches(PARTY, BEGAN_AT)
        for batch in body_of(exchange)["batches"]
    ]
    assert max(ages_s) == 90
    assert min(ages_s) == -10


def test_an_answer_is_read_as_the_contract_writes_it():
    answer = {
        "results": [
            {"installation_id": "phone-00001", "ping_id": "1-1", "status": "accepted", "reasons": []}
        ],
        "events": [
            {
                "event_id": "e1",
                "installation_id": "phone-00001",
                "type": "entered",
                "site": "bench",
                "zone": "cell-0001",
            },
            {
                "event_id": "e2",
                "installation_id": "phone-00001",
                "type": "exited",
                "site": "bench",
                "zone": "cell-0000",
            },
        ],
        "decisions": [
            {"decision_id": "d", "installation_id": "phone-00001", "campaign": "cell-0001-all-day"}
        ],
    }
    assert read_answer(json.dumps(answer).encode()) == Answer(
        accepted=1,
        entered=frozenset({("phone-00001", "cell-0001")}),
        offers=frozenset({("phone-00001", "cell-0001-all-day")}),
    )
