"""Backtests over HTTP: asked for, refused with every reason, listed, read, cancelled, deleted."""

import itertools
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from beacon_service import auth
from beacon_service.backtests import examples_store, store
from beacon_service.backtests.model import Example
from beacon_service.db import db, transaction
from beacon_service.positioning.jobs import MapLearning
from beacon_service.settings import libpq_url
from tests.factories.brand import Brand, beacon_body, campaign_body, faults, floor_body, site_body, zone_body
from tests.factories.catalogue import square
from tests.factories.survey import survey_body

NOBODY = "0197f0c0-0000-7000-8000-000000000000"
AUDIENCE = {"name": "Gold", "rule": {"attribute": "loyalty", "op": "eq", "value": "gold"}}
POLICY = {"caps": [], "hold_out": 0.1, "min_gap_s": 60}
# One of each kind, and where its PUT goes.
BODIES = {
    ("site", "shop"): ("/sites/shop", site_body(time_zone="Europe/Paris")),
    ("floor", "shop/ground"): ("/sites/shop/floors/ground", floor_body(outline=square(columns=9))),
    ("zone", "shop/cafe"): ("/sites/shop/zones/cafe", zone_body(tags=["b", "a"], floor="ground")),
    ("beacon", "b1"): ("/beacons/b1", beacon_body()),
    ("campaign", "coffee"): ("/campaigns/coffee", campaign_body()),
    ("policy", "policy"): ("/policy", POLICY),
    ("audience", "gold"): ("/audiences/gold", AUDIENCE),
    ("product", "beans"): ("/products/beans", {"name": "Beans", "tags": ["food"]}),
    ("stock", "shop/beans"): (
        "/sites/shop/stock/beans",
        {"quantity": 3, "at": "2026-06-03T08:00:00+02:00"},
    ),
}


@pytest.fixture
def brand(app, clock):
    made = Brand(app, clock)
    made.open_shop()
    return made


@pytest.fixture
def asking(clock):
    def asking(*changes, hours=1, **fields):
        """The last hours, with (kind, key, body) changed."""
        since, until = clock.now() - timedelta(hours=hours), clock.now()
        named = [dict(zip(("kind", "key", "body"), change, strict=True)) for change in changes]
        return {"from": since.isoformat(), "to": until.isoformat(), "changes": named} | fields

    return asking


@pytest.fixture
def ask(brand, asking, clock):
    def ask(*changes, **fields):
        clock.advance(seconds=1)
        answer = brand.post("/backtests", asking(*changes, **fields))
        assert answer.status_code == 202, answer.text
        return answer.json

    return ask


@pytest.fixture
def written(app):
    """Writes as a worker would."""

    def written(operation, *arguments):
        with app.app_context(), transaction(db.engine) as connection:
            return operation(connection, *arguments)

    return written


@pytest.fixture
def logged(written):
    """The last body of a document."""
    query = "SELECT body FROM catalogue_log WHERE kind = %s AND key = %s ORDER BY version DESC LIMIT 1"
    return lambda *name: written(lambda connection: connection.execute(query, name).fetchone()[0])


def test_what_is_asked_is_accepted_and_told(brand, asking, clock):
    answer = brand.post("/backtests", asking(("campaign", "coffee", campaign_body())))
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/backtests/{answer.json['id']}"
    assert UUID(answer.json["id"]).version == 7

    told = brand.get(f"/backtests/{answer.json['id']}").json
    assert told == answer.json
    assert (told["status"], told["attempts"], told["report"], told["error"]) == ("queued", 0, None, None)
    assert told["progress"] == {"share": 0.0, "steps": 0, "decisions": 0, "remaining_s": None}
    assert datetime.fromisoformat(told["to"]) == clock.now()
    assert datetime.fromisoformat(told["from"]) == clock.now() - timedelta(hours=1)
    assert told["actor"].startswith("key:")
    assert [(one["kind"], one["key"]) for one in told["changes"]] == [("campaign", "coffee")]


def test_with_nothing_changed_it_is_a_verification(ask):
    assert (ask()["changes"], ask()["positions"]) == ([], "recorded")


@pytest.mark.parametrize(("name", "route"), BODIES.items(), ids=[kind for kind, _ in BODIES])
def test_a_change_becomes_the_document_that_its_put_would_keep(brand, asking, logged, name, route):
    kind, key = name
    for path, body in (("/products/beans", {"name": "Beans"}), route):
        assert brand.put(path, body).status_code in {200, 201}, path
    kept = logged(kind, key)
    answer = brand.post("/backtests", asking((kind, key, route[1])))
    assert answer.status_code == 202, answer.text
    assert answer.json["changes"] == [{"kind": kind, "key": key, "body": kept}]


def test_what_would_not_be_there_has_no_body(ask):
    changes = [("campaign", "coffee", None), ("zone", "shop/cafe", None), ("policy", "policy", None)]
    assert [one["body"] for one in ask(*changes)["changes"]] == [None] * 3


def test_the_count_of_a_stock_without_a_time_is_never_too_old(ask):
    told = ask(("stock", "shop/beans", {"quantity": 3}))
    (stock,) = told["changes"]
    assert datetime.fromisoformat(stock["body"]["at"]) == datetime.fromisoformat(told["to"])


def test_a_radio_map_is_named_by_its_number(brand, asking, engine, settings, clock):
    change = ("radio_map", "shop", {"number": 1})
    assert faults(brand.post("/backtests", asking(change))) == {
        "/changes/0/body/number": "is 1, and the site shop has no such map that is ready"
    }
    brand.post("/sites/shop/surveys", survey_body())
    MapLearning(engine, libpq_url(settings.database_url), clock).learn_next()
    told = brand.post("/backtests", asking(change)).json
    digest = brand.get("/sites/shop/radio-map").json["sha256"]
    assert told["changes"][0]["body"] == {"site": "shop", "number": 1, "sha256": digest}
    assert told["positions"] == "anew"


def test_every_fault_of_every_change_is_told_at_once_with_its_place(brand, asking):
    broken = campaign_body(
        trigger={"move": "entered", "zones": [{"site": "no spaces", "zone": "z"}]}, hold_out=2.0
    )
    answer = brand.post(
        "/backtests",
        asking(
            ("campaign", "coffee", broken),
            ("zone", "shop", zone_body()),
            ("zone", "shop/bar", zone_body(site="mall")),
            ("zone", "shop/pub", {"name": "Pub", "geometry": {"type": "Polygon", "coordinates": []}}),
            ("policy", "mine", {}),
            ("weather", "rain", {}),
            ("stock", "shop/beans", 5),
            drafts=["no such"],
            to="2026-06-03T10:00:00+00:00",
        ),
    )
    assert set(faults(answer)) == {
        "/to",
        "/changes/0/body/trigger/zones/0/site",
        "/changes/0/body/hold_out",
        "/changes/1/key",
        "/changes/2/body/site",
        "/changes/3/body/geometry/coordinates",
        "/changes/4/key",
        "/changes/5/kind",
        "/changes/6/body",
        "/drafts/0",
    }


def test_a_range_is_recorded_and_not_too_long(brand, asking, clock, settings):
    long = faults(brand.post("/backtests", asking(hours=32 * 24)))
    assert long == {"/to": "is more than 31 days after from"}
    assert faults(brand.post("/backtests", asking(hours=0))) == {"/to": "is not after from"}
    ahead = asking(to=(clock.now() + timedelta(seconds=1)).isoformat())
    assert faults(brand.post("/backtests", ahead)) == {"/to": "is in the future: nothing is recorded of it"}
    midnight = clock.now().replace(hour=0, minute=0) - timedelta(days=settings.retention_days)
    within = {"to": clock.now().replace(hour=0).isoformat()}
    assert brand.post("/backtests", asking(**{"from": midnight.isoformat()}, **within)).status_code == 202
    before = (midnight - timedelta(seconds=1)).isoformat()
    told = faults(brand.post("/backtests", asking(**{"from": before}, **within)))
    assert set(told) == {"/from"}
    assert "before what is kept" in told["/from"]


@pytest.mark.parametrize("wrong", ["yesterday", "2026-06-03T12:00:00", "9999-12-31T23:59:59Z", None])
def test_a_time_is_a_time(brand, asking, wrong):
    assert set(faults(brand.post("/backtests", asking(**{"from": wrong})))) == {"/from"}


def test_a_draft_is_asked_for_as_if_it_were_published(brand, ask, asking, logged):
    brand.put("/campaigns/coffee", campaign_body(status="draft"))
    told = ask(drafts=["coffee"])
    assert told["drafts"] == ["coffee"]
    (draft,) = told["changes"]
    assert draft["body"] == logged("campaign", "coffee") | {"status": "published"}
    assert brand.get("/campaigns/coffee").json["status"] == "draft"
    unknown = faults(brand.post("/backtests", asking(drafts=["tea"])))
    assert unknown == {"/drafts/0": "names the campaign tea, which there is not"}


def test_a_changed_campaign_has_the_revision_that_it_would_have(brand, ask):
    def revision(body):
        return ask(("campaign", "coffee", body))["changes"][0]["body"]["revision"]

    assert revision(campaign_body()) == 1
    brand.put("/campaigns/coffee", campaign_body(status="draft"))
    assert revision(campaign_body(priority=1)) == 1
    brand.put("/campaigns/coffee", campaign_body())
    assert revision(campaign_body()) == 1
    assert revision(campaign_body(priority=1)) == 2


def test_a_document_is_named_once(brand, asking):
    brand.put("/campaigns/coffee", campaign_body())
    changes = [("campaign", "coffee", campaign_body()), ("campaign", "coffee", None)]
    twice = faults(brand.post("/backtests", asking(*changes, drafts=["coffee"])))
    assert set(twice) == {"/changes/1/key", "/drafts/0"}


def test_phones_are_located_anew_where_places_are_changed(brand, ask, asking, written, clock):
    def positions(*changes, **fields):
        told = ask(*changes, **fields)
        written(store.cancel, UUID(told["id"]), clock.now())
        return told["positions"]

    zone, beacon = ("zone", "shop/cafe", zone_body()), ("beacon", "b1", beacon_body())
    assert positions(("product", "beans", None)) == "recorded"
    assert positions(("site", "shop", site_body())) == "anew"
    assert positions(positions="anew") == "anew"
    assert positions(zone) == "anew"
    assert positions(zone, positions="recorded") == "recorded"
    assert positions(beacon) == "anew"
    idle = faults(brand.post("/backtests", asking(beacon, positions="recorded")))
    assert idle == {"/positions": "is recorded, and a beacon then changes nothing"}


def test_five_wait_at_most(brand, ask, asking, written, clock):
    first, *_ = (ask() for _ in range(5))
    refused = brand.post("/backtests", asking())
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert "5 backtests are queued or running" in refused.json["detail"]
    written(store.begin, UUID(first["id"]), "7", clock.now())
    assert brand.post("/backtests", asking()).status_code == 409
    assert brand.post(f"/backtests/{first['id']}:cancel", {}).status_code == 200
    assert brand.post("/backtests", asking()).status_code == 202


def test_the_body_is_bounded(brand, asking):
    large = brand.post("/backtests", asking(("campaign", "coffee", campaign_body(name="x" * 3_000_000))))
    assert (large.status_code, large.json["code"]) == (413, "too_large")
    many = [("campaign", f"c{number}", None) for number in range(101)]
    assert set(faults(brand.post("/backtests", asking(*many)))) == {"/changes"}


def test_a_list_is_newest_first_in_pages_and_without_what_is_large(brand, ask):
    ids = [ask(("campaign", "coffee", campaign_body()))["id"] for _ in range(4)]
    first = brand.get("/backtests?limit=3").json
    second = brand.get(f"/backtests?limit=3&cursor={first['next_cursor']}").json
    found = first["items"] + second["items"]
    assert [one["id"] for one in found] == ids[::-1]
    assert second["next_cursor"] is None
    assert all(one["changes"] == [{"kind": "campaign", "key": "coffee"}] for one in found)
    assert all("report" not in one for one in found)
    whole = brand.get(f"/backtests/{ids[0]}").json
    assert {name: whole[name] for name in found[-1] if name != "changes"} == {
        name: told for name, told in found[-1].items() if name != "changes"
    }
    assert (
        ask(drafts=[], positions="anew")["changes"]
        == brand.get("/backtests").json["items"][0]["changes"]
        == []
    )


@pytest.mark.parametrize("path", ["/backtests", "/backtests/{id}/examples"])
@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTkiXQ", "WyItMSJd"])
def test_a_cursor_that_is_none_is_refused(brand, ask, path, cursor):
    answer = brand.get(f"{path.format(id=ask()['id'])}?cursor={cursor}")
    assert (answer.status_code, answer.json["code"]) == (400, "cursor_invalid")


def test_what_there_is_not_is_told_so(brand):
    asked = [brand.get(f"/backtests/{NOBODY}"), brand.get(f"/backtests/{NOBODY}/examples")]
    asked += [brand.post(f"/backtests/{NOBODY}:cancel", {}), brand.delete(f"/backtests/{NOBODY}")]
    asked += [brand.get("/backtests/5"), brand.delete("/backtests/none"), brand.get("/backtests/x/examples")]
    assert {(one.status_code, one.json["code"]) for one in asked} == {(404, "not_found")}


def test_one_is_cancelled_and_stays_so(brand, ask):
    id_ = ask()["id"]
    assert [brand.post(f"/backtests/{id_}:cancel", {}).json["status"] for _ in "ab"] == ["cancelled"] * 2
    assert brand.get(f"/backtests/{id_}").json["ended_at"] is not None


def test_what_has_ended_is_not_cancelled(brand, ask, written, clock):
    id_ = ask()["id"]
    attempt = written(store.begin, UUID(id_), "7", clock.now())
    written(store.finish, attempt, b'{"decisions": 5}', clock.now())
    refused = brand.post(f"/backtests/{id_}:cancel", {})
    assert (refused.status_code, refused.json["detail"]) == (409, "The backtest is done already.")
    told = brand.get(f"/backtests/{id_}").json
    assert (told["status"], told["report"], told["progress"]["share"]) == ("done", {"decisions": 5}, 1.0)
    assert told["code_version"] == "7"


def test_one_is_deleted_unless_it_runs(brand, ask, written, clock):
    queued, running = ask()["id"], ask()["id"]
    assert brand.delete(f"/backtests/{queued}").status_code == 204
    assert brand.get(f"/backtests/{queued}").status_code == 404
    written(store.begin, UUID(running), "7", clock.now())
    refused = brand.delete(f"/backtests/{running}")
    assert (refused.status_code, refused.json["detail"]) == (409, "The backtest is running. Cancel it first.")
    brand.post(f"/backtests/{running}:cancel", {})
    assert brand.delete(f"/backtests/{running}").status_code == 204


def test_while_it_runs_it_tells_how_long_it_will(brand, ask, written, clock):
    id_ = ask()["id"]
    attempt = written(store.begin, UUID(id_), "7", clock.now())
    clock.advance(seconds=30)
    written(store.tell, attempt, (0.25, 600, 40), clock.now())
    clock.advance(seconds=10)
    told = brand.get(f"/backtests/{id_}").json
    assert (told["status"], told["attempts"]) == ("running", 1)
    assert told["progress"] == {"share": 0.25, "steps": 600, "decisions": 40, "remaining_s": 80.0}


@pytest.fixture
def with_examples(brand, ask, written, clock):
    """A backtest with one example after the other of kinds and campaigns, and the customer of them all."""
    customer = brand.put("/customers/anna", {"attributes": {}})
    assert customer.status_code == 201
    id_ = ask()["id"]
    attempt = written(store.begin, UUID(id_), "7", clock.now())
    ((key,),) = written(lambda connection: connection.execute("SELECT key FROM customers").fetchall())
    numbers = itertools.product(["gained", "lost", "changed"], ["coffee", "tea", None])
    found = [
        Example(
            kind, str(UUID(int=number)), campaign, "shop", "cafe", clock.now(), None, {"visit": number}, key
        )
        for number, (kind, campaign) in enumerate(numbers)
    ]
    written(examples_store.keep, attempt, 0, found)
    return id_


def test_examples_are_told_in_pages_with_whose_they_are(brand, with_examples, clock):
    path, cursor, found = f"/backtests/{with_examples}/examples?limit=4", "", []
    while cursor is not None:
        answer = brand.get(path + (f"&cursor={cursor}" if cursor else "")).json
        found, cursor = found + answer["items"], answer["next_cursor"]
    assert [one["number"] for one in found] == list(range(9))
    assert found[1] | {"at": None} == {
        "number": 1, "kind": "gained", "campaign": "tea", "moment_key": str(UUID(int=1)), "customer_id": "anna",
        "site": "shop", "zone": "cafe", "at": None, "before": None, "after": {"visit": 1},
    }  # fmt: skip
    assert datetime.fromisoformat(found[1]["at"]) == clock.now()


def test_examples_are_picked_by_kind_and_campaign(brand, with_examples):
    def numbers(query):
        return [
            one["number"] for one in brand.get(f"/backtests/{with_examples}/examples?{query}").json["items"]
        ]

    assert numbers("kind=lost") == [3, 4, 5]
    assert numbers("campaign=tea") == [1, 4, 7]
    assert numbers("kind=changed&campaign=coffee") == [6]
    assert numbers("campaign=cocoa") == []
    refused = brand.get(f"/backtests/{with_examples}/examples?kind=stolen&limit=0&campaign=a%20b")
    assert set(faults(refused)) == {"?kind", "?limit", "?campaign"}


def test_who_may_read_may_not_ask(brand, app, clock, asking, ask):
    id_ = ask()["id"]
    with app.app_context():
        key = auth.create_key(db.session, kind="secret", name="reader", scopes=["read"], at=clock.now())
        db.session.commit()
    brand.headers = {"Authorization": f"Bearer {key}"}
    read = ["/backtests", f"/backtests/{id_}", f"/backtests/{id_}/examples"]
    assert {brand.get(path).status_code for path in read} == {200}
    asked = [brand.post("/backtests", asking()), brand.post(f"/backtests/{id_}:cancel", {})]
    asked.append(brand.delete(f"/backtests/{id_}"))
    assert {(one.status_code, one.json["code"]) for one in asked} == {(403, "scope_missing")}
