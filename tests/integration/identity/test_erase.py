"""Erasure is tested on the tables themselves, all of them and every column: a new table cannot be forgotten."""

import json
from datetime import timedelta
from uuid import UUID

from beacon_service.backtests import examples_store
from beacon_service.backtests import store as backtests
from beacon_service.backtests.model import Asked, Example
from beacon_service.backtests.requests import By, Request
from tests.factories.catalogue import campaign_document, place, zone_document
from tests.factories.ledger import insert

TEXTS = """
SELECT table_name, column_name FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    AND data_type IN ('text', 'json', 'jsonb', 'bytea', 'ARRAY', 'uuid', 'character varying')
"""


def traces(brand, *needles):
    """(table, column, needle) wherever one of the texts still stands, in whatever column."""
    found = []
    for table, column in brand.rows(TEXTS):
        for (value,) in brand.rows(
            f'SELECT DISTINCT "{column}"::text FROM "{table}" WHERE "{column}" IS NOT NULL'
        ):
            found += [(table, column, needle) for needle in needles if needle in value]
    return found


def live(brand):
    """A person whose life here leaves a trace in every table that can hold one."""
    brand.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    brand.register("phone-1", model="Pixel Nine", push={"provider": "fcm", "token": "push-token-1"})
    token = brand.tokens["phone-1"]
    (first,) = brand.ping("phone-1", "ping-before-login")["decisions"]
    (anonymous,) = brand.rows("SELECT id FROM customers")[0]
    brand.identify("phone-1", "anna")
    brand.customer(
        "anna", attributes={"diet": "vegan-secret"}, consents={"marketing": True, "wording": "w-7"}
    )
    brand.outcome(first["decision_id"], "viewed", phone="phone-1")
    bought = {"type": "bought-wine", "event_id": "order-7", "at": brand.clock.now().isoformat()}
    bought |= {"decision_id": first["decision_id"], "items": [{"id": "rioja-secret"}]}
    assert brand.ask("POST", "/v1/customers/anna/events", bought).json["results"][0]["status"] == "accepted"
    with brand.connect() as connection:
        connection.execute("UPDATE customers SET lists = '{wine-lovers}' WHERE id = 'anna'")
    brand.clock.now_at += timedelta(seconds=5)
    brand.ping("phone-1", "ping-after-login")
    with brand.connect() as connection:
        snapshot(connection, brand.clock.now())
        backtested(connection, brand.clock.now())
    return first["decision_id"], token, anonymous


def snapshot(connection, now):
    insert(connection, "snapshots", {"day": now.date(), "taken_at": now, "catalogue_version": 1})
    connection.execute(
        "INSERT INTO snapshot_rows (snapshot_id, kind, key, customer_key, last_seq, body)"
        " SELECT s.id, 'customer', c.id, c.key, 0, to_jsonb(c) FROM snapshots AS s, customers AS c"
    )


def backtested(connection, now):
    id_ = UUID(int=1)
    asked = Request(Asked(now, now + timedelta(days=1)))
    backtests.add(connection, asked, By("test", now, id_, now))
    attempt = backtests.begin(connection, id_, "7", now)
    (key,) = connection.execute("SELECT key FROM customers").fetchone()
    found = {"reasons": {"tea": "backtest-secret"}}
    moment = str(UUID(int=2))
    examples_store.keep(
        connection, attempt, 0, [Example("lost", moment, "tea", "shop", "cafe", now, found, None, key)]
    )


def test_nothing_that_leads_to_the_person_is_left_in_any_table(brand):
    _, token, anonymous = live(brand)
    longitude, latitude = (str(coordinate) for coordinate in place(0.5, 0.5))
    needles = ["anna", "phone-1", "Pixel Nine", "push-token-1", "vegan-secret", "w-7", "ping-"]
    needles += ["order-7", "bought-wine", "rioja-secret", "wine-lovers", "backtest-secret"]
    needles += [longitude, latitude]
    before = {needle for _, _, needle in traces(brand, *needles)}
    assert before == set(needles), "the test looks for what is there"

    assert brand.ask("DELETE", "/v1/customers/anna").status_code == 204
    assert traces(brand, *needles, anonymous, token) == []
    assert brand.rows("SELECT count(*) FROM moves") == [(0,)]
    assert brand.rows("SELECT count(*) FROM presence") == [(0,)]


def test_the_ledger_remains_under_a_random_pseudonym(brand):
    decision, _, _ = live(brand)
    ledger = "SELECT decision_id::text, campaign, arm, site, decided_at, outcomes, charged FROM grants"
    before = brand.rows(ledger)
    brand.ask("DELETE", "/v1/customers/anna")
    assert brand.rows(ledger) == before
    assert brand.rows("SELECT type FROM outcomes") == [("viewed",)]
    (row,) = brand.rows(
        "SELECT id, attributes, memory, events, lists, marketing, location, erased_at FROM customers"
    )
    assert row[0].startswith("erased-")
    assert row[1:] == ({}, {}, {}, [], False, False, brand.clock.now())
    shown = brand.ask("GET", f"/v1/decisions/{decision}").json
    assert (shown["evidence"], shown["evidence_missing"], shown["offer"]) == (None, "erased", None)


def test_the_phone_has_to_register_anew(brand):
    _, token, _ = live(brand)
    brand.ask("DELETE", "/v1/customers/anna")
    assert brand.post("phone-1", brand.ping_body("p9"), token=token).status_code in {401, 403}
    assert brand.register("phone-1").status_code == 201


def test_the_same_id_afterwards_is_somebody_else(brand):
    live(brand)
    brand.ask("DELETE", "/v1/customers/anna")
    assert brand.ask("GET", "/v1/customers/anna").status_code == 404
    assert brand.customer("anna").status_code == 201
    assert brand.ask("GET", "/v1/customers/anna/export").json["decisions"] == []


def test_a_phone_that_changed_hands_leaves_with_what_was_its_former_customers(brand):
    live(brand)
    brand.identify("phone-1", "bert")
    brand.ping("phone-1", "berts-ping")
    brand.ask("DELETE", "/v1/customers/anna")
    assert brand.rows("SELECT ping_id FROM pings") == [("berts-ping",)]
    assert brand.rows("SELECT id FROM installations") == [("phone-1",)]
    assert brand.ask("DELETE", "/v1/customers/bert").status_code == 204
    assert brand.rows("SELECT count(*) FROM pings") == [(0,)]


def test_the_erasure_itself_is_logged_without_saying_whose(brand):
    live(brand)
    brand.ask("DELETE", "/v1/customers/anna")
    assert brand.rows("SELECT DISTINCT body FROM changes") == [({},)]
    assert brand.rows("SELECT count(*) FROM changes WHERE kind = 'erase'") == [(1,)]


def test_the_export_holds_everything_from_before_the_login_on(brand):
    decision, token, _ = live(brand)
    response = brand.ask("GET", "/v1/customers/anna/export")
    export = response.json
    assert export["customer"]["attributes"] == {"diet": "vegan-secret"}
    assert [ping["ping_id"] for ping in export["pings"]] == ["ping-before-login", "ping-after-login"]
    assert [phone["id"] for phone in export["installations"]] == ["phone-1"]
    assert {"location", "marketing"} == {consent["kind"] for consent in export["consents"]}
    assert decision in [one["decision_id"] for one in export["decisions"]]
    assert [outcome["type"] for outcome in export["outcomes"]] == ["viewed"]
    assert all(export[kind] for kind in ("moves", "grants", "presence", "changes"))
    assert [event["event_id"] for event in export["events"]] == ["order-7"]
    assert export["customer"]["lists"] == ["wine-lovers"]
    assert token not in json.dumps(export)


def test_who_is_not_there_can_be_neither_exported_nor_erased(brand):
    assert brand.ask("GET", "/v1/customers/anna/export").status_code == 404
    assert brand.ask("DELETE", "/v1/customers/anna").status_code == 404
