"""The regions that a phone watches, asked for as an app asks."""

import pytest

from tests.factories.catalogue import beacon_document, zone_document

UUID = "7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21"
HERE = {"latitude": 52.37, "longitude": 4.9}


@pytest.fixture
def ask(shop):
    shop.phone("anna")

    def ask(query=HERE, *, phone="anna", token=None, key=None, **headers):
        sent = {"Authorization": f"Bearer {key or shop.publishable}"}
        sent |= {"Beacon-Installation-Token": token or shop.tokens["anna"]} if key is None else {}
        path = f"/v1/installations/{phone}/regions"
        return shop.client.get(path, query_string=query, headers=sent | headers)

    return ask


def beacon(minor, **fields):
    return beacon_document(f"b{minor}", identities=[f"ibeacon:{UUID}:1:{minor}"], **fields)


def test_a_phone_is_told_what_to_watch(shop, ask):
    shop.configure(beacons=[beacon(1), beacon(2, status="retired")], zones=[zone_document("square")])

    assert ask().json == {
        "regions": [
            {"kind": "beacon", "identifier": f"beacon:{UUID}", "uuid": UUID},
            {
                "kind": "circle",
                "identifier": "circle:shop/square",
                "latitude": 52.37005,
                "longitude": 4.90005,
                "radius_m": 100,
            },
        ],
        "next_check_after_m": 128_000,
    }


def test_narrower_regions_carry_their_numbers(shop, ask):
    shop.configure(beacons=[beacon(1), beacon(2)])

    assert [(one.get("major"), one.get("minor")) for one in ask().json["regions"]] == [
        (None, None),
        (1, 1),
        (1, 2),
    ]


def test_what_the_phone_has_already_is_not_sent_again_until_it_changes(shop, ask):
    shop.configure(beacons=[beacon(1)])
    first = ask()
    assert first.headers["ETag"]

    again = ask(**{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])

    shop.configure(zones=[zone_document("square")])
    changed = ask(**{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert len(changed.json["regions"]) == 2


def test_an_edit_is_told_at_once_without_a_ping_in_between(shop, ask):
    assert ask().json["regions"] == []
    shop.configure(beacons=[beacon(1)])
    assert len(ask().json["regions"]) == 1
    shop.configure(beacons=[beacon(1, status="quarantined")])
    assert ask().json["regions"] == []


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({}, {"?latitude", "?longitude"}),
        ({"latitude": 91, "longitude": 4.9}, {"?latitude"}),
        ({"latitude": "nan", "longitude": "inf"}, {"?latitude", "?longitude"}),
        ({"latitude": "here", "longitude": 4.9}, {"?latitude"}),
        (HERE | {"radius": 5}, {"?radius"}),
    ],
)
def test_a_position_that_is_none_is_named(ask, query, where):
    answer = ask(query)
    assert answer.status_code == 422
    assert {fault["where"] for fault in answer.json["errors"]} == where


def test_a_phone_asks_for_itself_only_and_a_backend_for_any(shop, ask):
    shop.phone("ben")
    assert ask(phone="ben").json["code"] == "token_wrong"
    assert ask(phone="ben", key=shop.secret).status_code == 200
    assert ask(phone="nobody", key=shop.secret).status_code == 404


def test_the_position_stands_in_no_log(shop, ask, capfd):
    ask({"latitude": 52.123456, "longitude": 4.654321})
    said = "".join(capfd.readouterr())
    assert "52.123" not in said
    assert "4.654" not in said
