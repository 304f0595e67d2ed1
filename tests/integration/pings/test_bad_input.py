"""What broken, hostile and merely confused senders send: each gets a clear answer, and nobody else pays for it."""

import json

import pytest

from beacon_service.pings.schema import MOST_SIGHTINGS
from tests.factories.catalogue import IBEACON_UUID, beacon_document, campaign_document, zone_document


@pytest.fixture
def cafe(shop):
    shop.configure(
        zones=[zone_document("cafe")],
        beacons=[beacon_document("till", identities=[f"ibeacon:{IBEACON_UUID}:1:7"])],
        campaigns=[campaign_document("coffee")],
    )
    shop.phone("anna")
    return shop


def heard(minor=7, **fields):
    return {"type": "ibeacon", "uuid": IBEACON_UUID, "major": 1, "minor": minor, "rssi": -55} | fields


def raw(shop, body, *, key=None, token=None, content_type="application/json"):
    headers = {
        "Authorization": f"Bearer {key or shop.publishable}",
        "Beacon-Installation-Token": token or shop.tokens["anna"],
        "Content-Type": content_type,
    }
    return shop.client.post("/v1/pings", data=body, headers=headers)


def problem(answer):
    assert answer.content_type.startswith("application/problem+json")
    assert {"title", "detail", "status", "code"} <= answer.json.keys()
    return answer.status_code, answer.json["code"]


BROKEN = {
    "no id": lambda ping: {key: value for key, value in ping.items() if key != "ping_id"},
    "a number as id": lambda ping: ping | {"ping_id": 7},
    "an empty id": lambda ping: ping | {"ping_id": ""},
    "an id with a slash": lambda ping: ping | {"ping_id": "a/b"},
    "an id with a line break": lambda ping: ping | {"ping_id": "a\n"},
    "an id that is too long": lambda ping: ping | {"ping_id": "x" * 65},
    "no time": lambda ping: {key: value for key, value in ping.items() if key != "at"},
    "swapped coordinates out of range": lambda ping: (
        ping | {"position": {"latitude": 120.07, "longitude": 30.29, "accuracy_m": 5}}
    ),
    "a negative accuracy": lambda ping: ping | {"position": ping["position"] | {"accuracy_m": -1}},
    "a text as latitude": lambda ping: ping | {"position": ping["position"] | {"latitude": "52.37"}},
    "an unknown kind of beacon": lambda ping: ping | {"sightings": [heard(type="wifi")]},
    "an ibeacon without uuid": lambda ping: ping | {"sightings": [{"type": "ibeacon", "rssi": -60}]},
    "a uuid that is none": lambda ping: ping | {"sightings": [heard(uuid="not-a-uuid")]},
    "a major beyond 16 bits": lambda ping: ping | {"sightings": [heard(major=70_000)]},
    "no level": lambda ping: ping | {"sightings": [heard(rssi=None)]},
    "a mac without its mac": lambda ping: ping | {"sightings": [{"type": "mac", "rssi": -60}]},
    "a mac that is none": lambda ping: ping | {"sightings": [{"type": "mac", "mac": "zz", "rssi": -60}]},
    "more beacons than there are": lambda ping: ping | {"sightings": [heard()] * (MOST_SIGHTINGS + 1)},
    "sightings that are no list": lambda ping: ping | {"sightings": {}},
    "no object at all": lambda ping: "ping",
    "nothing": lambda ping: None,
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_ping_is_told_what_is_wrong_and_the_good_ones_are_kept(cafe, spoil):
    bad = spoil(cafe.ping_body("bad"))
    answer = cafe.post("anna", cafe.ping_body("1"), bad, cafe.ping_body("2"))
    assert answer.status_code == 200, answer.text
    first, second, third = answer.json["results"]
    assert (first["status"], third["status"]) == ("accepted", "accepted")
    assert (second["status"], second["reasons"]) == ("rejected", ["malformed"])
    assert len(second["detail"]) > 10
    assert [one["campaign"] for one in answer.json["decisions"]] == ["coffee"]
    assert sorted(cafe.rows("SELECT ping_id FROM pings")) == [("1",), ("2",)]


def test_the_detail_names_the_place(cafe):
    answer = cafe.post("anna", cafe.ping_body("1", sightings=[heard(), heard(rssi="loud")]))
    (result,) = answer.json["results"]
    assert result["ping_id"] == "1"
    assert "$.sightings[1].rssi" in result["detail"]


def test_a_broken_ping_is_named_by_its_id_where_that_can_be_read(cafe):
    answer = cafe.post("anna", {"ping_id": "7"}, {"ping_id": ["7"]})
    assert [one["ping_id"] for one in answer.json["results"]] == ["7", None]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_what_is_no_number_is_refused_and_never_a_fault(cafe, number):
    for place in ("latitude", "accuracy_m", "rssi"):
        ping = cafe.ping_body("1", sightings=[heard()])
        where = ping["sightings"][0] if place == "rssi" else ping["position"]
        where[place] = "HERE"
        body = json.dumps({"installation_id": "anna", "pings": [ping]}).replace('"HERE"', number)
        answer = raw(cafe, body)
        if answer.status_code == 200:
            assert [one["reasons"] for one in answer.json["results"]] == [["malformed"]]
        else:
            assert problem(answer)[0] in {400, 422}
    assert cafe.rows("SELECT count(*) FROM pings") == [(0,)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"installation_id": "anna"}',
        b'{"pings": []}',
        b'{"installation_id": "anna", "pings": {}}',
        b'{"installation_id": 7, "pings": []}',
        b'{"installation_id": "a b", "pings": []}',
        b'{"installation_id": "anna", "pings": [], "batches": []}',
        b'{"installation_id": "anna", "installation_id": "ben", "pings": []}',
        b'{"installation_id": "anna", "sent_at": "noon", "pings": []}',
        b'{"batches": [{"installation_id": "anna"}]}',
        b"[" * 10_000,
        b'{"installation_id": "anna", "pings": [' + b"[" * 10_000 + b"]" * 10_000 + b"]}",
    ],
    ids=range(16),
)
def test_a_request_that_makes_no_sense_is_a_clear_problem(cafe, body):
    answer = raw(cafe, body)
    assert problem(answer)[0] in {400, 413, 422}


@pytest.mark.parametrize("batches", [{}, {"anna": []}])
def test_batches_without_a_ping_are_answered_with_nothing(cafe, batches):
    answer = cafe.post_many(batches)
    assert (answer.status_code, answer.json["results"]) == (200, [])


def test_an_empty_list_of_pings_is_answered_with_nothing(cafe):
    answer = cafe.post("anna")
    assert (answer.status_code, answer.json["results"]) == (200, [])


def test_more_pings_than_a_request_may_carry_are_413_and_none_is_kept(cafe):
    most = cafe.app.extensions["beacon"].settings.max_pings_per_request
    answer = raw(cafe, b'{"installation_id": "anna", "pings": [' + b",".join([b"{}"] * (most + 1)) + b"]}")
    assert problem(answer) == (413, "too_large")
    assert f"{most} pings" in answer.json["detail"]


def test_the_bound_is_over_all_batches_of_a_request(cafe):
    most = cafe.app.extensions["beacon"].settings.max_pings_per_request
    answer = cafe.post_many({"anna": [{}] * most, "ben": [{}]})
    assert answer.status_code == 413


def test_a_beacon_that_nobody_knows_says_nothing_and_is_no_mistake(cafe):
    ping = cafe.ping_body(
        "1", sightings=[heard(minor=999), {"type": "mac", "mac": "00:00:00:00:00:01", "rssi": -40}]
    )
    del ping["position"]
    answer = cafe.post("anna", ping).json
    assert (answer["results"][0]["status"], answer["events"], answer["decisions"]) == ("accepted", [], [])


def test_an_unknown_beacon_does_not_spoil_the_position_beside_it(cafe):
    answer = cafe.ping("anna", "1", sightings=[heard(minor=999)])
    assert [event["zone"] for event in answer["events"]] == ["cafe"]


def test_fields_that_we_do_not_know_yet_are_passed_over(cafe):
    answer = cafe.ping("anna", "1", battery=0.5)
    assert [one["campaign"] for one in answer["decisions"]] == ["coffee"]


def test_an_installation_that_nobody_registered_is_told_apart_in_a_batch(cafe):
    answer = cafe.post_many({"nobody": [cafe.ping_body("1")], "anna": [cafe.ping_body("1")]})
    assert [(one["installation_id"], one["status"], one["reasons"]) for one in answer.json["results"]] == [
        ("nobody", "rejected", ["unknown_installation"]),
        ("anna", "accepted", []),
    ]


def test_a_batch_of_nobody_but_strangers_is_told_so(cafe):
    answer = cafe.post_many({"nobody": [cafe.ping_body("1")], "noone": [cafe.ping_body("1")]})
    assert answer.status_code == 200
    assert [one["reasons"] for one in answer.json["results"]] == [["unknown_installation"]] * 2


class TestKeys:
    def test_a_token_of_another_installation_is_no_token_of_this_one(self, cafe):
        cafe.phone("ben")
        answer = cafe.post("anna", cafe.ping_body("1"), token=cafe.tokens["ben"])
        assert problem(answer)[0] == 403
        assert cafe.rows("SELECT count(*) FROM pings") == [(0,)]

    def test_an_installation_that_does_not_exist_is_answered_as_one_that_is_not_yours(self, cafe):
        known = cafe.post("anna", cafe.ping_body("1"), token="it_wrong")
        unknown = cafe.post("nobody", cafe.ping_body("1"), token="it_wrong")
        assert problem(known) == problem(unknown)

    def test_batches_need_a_secret_key(self, cafe):
        body = {"batches": [{"installation_id": "anna", "pings": [cafe.ping_body("1")]}]}
        headers = {
            "Authorization": f"Bearer {cafe.publishable}",
            "Beacon-Installation-Token": cafe.tokens["anna"],
        }
        assert problem(cafe.client.post("/v1/pings", json=body, headers=headers))[0] == 403
        assert cafe.rows("SELECT count(*) FROM pings") == [(0,)]

    def test_no_key_and_no_token_are_401(self, cafe):
        body = {"installation_id": "anna", "pings": [cafe.ping_body("1")]}
        assert problem(cafe.client.post("/v1/pings", json=body))[0] == 401
        alone = {"Authorization": f"Bearer {cafe.publishable}"}
        assert problem(cafe.client.post("/v1/pings", json=body, headers=alone))[0] in {401, 403}

    def test_a_revoked_token_stops_at_once(self, cafe):
        cafe.ping("anna", "1")
        with cafe.connect() as connection:
            connection.execute("UPDATE installations SET revoked_at = now()")
        assert problem(cafe.post("anna", cafe.ping_body("2")))[0] in {401, 403}

    def test_a_secret_key_reports_for_one_installation_without_its_token(self, cafe):
        body = {"installation_id": "anna", "pings": [cafe.ping_body("1")]}
        headers = {"Authorization": f"Bearer {cafe.secret}"}
        assert cafe.client.post("/v1/pings", json=body, headers=headers).status_code == 200
