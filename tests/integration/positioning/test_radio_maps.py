"""Radio maps: learned by whoever leads, put into use by an edit, taken back as any other edit."""

import hashlib
import sys
import threading

import psycopg
import pytest

from beacon_service import apart
from beacon_service.db import transaction
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.positioning import map_store
from beacon_service.positioning.jobs import MOST_ATTEMPTS, MapLearning
from beacon_service.positioning.surveys import MapKey
from beacon_service.settings import libpq_url
from beacon_service.zones.packed_map import unpacked
from tests.factories.brand import zone_body
from tests.factories.catalogue import square
from tests.factories.shop import Shop
from tests.factories.survey import survey_body

FIRST = MapKey("shop", 1)


@pytest.fixture
def learn(brand, leader):
    """A map of one more survey, learned; answers how it went."""

    def learn(*, activate=False, **survey):
        number = len(brand.get("/sites/shop/surveys").json["items"])
        body = survey_body(begins_ms=1_772_442_000_000 + number * 86_400_000, **survey)
        answer = brand.post("/sites/shop/surveys", body | {"activate": activate})
        assert answer.status_code == 202, answer.json
        leader.learn_maps()
        return brand.get(f"/sites/shop/radio-maps/{answer.json['radio_map']}").json

    return learn


@pytest.fixture
def fake_learner(monkeypatch):
    """The learning process says and does this instead."""

    def fake(script):
        def begins(command, *arguments, **options):
            return begin([sys.executable, "-c", script, command[-1]], *arguments, **options)

        begin = apart.subprocess.Popen
        monkeypatch.setattr(apart.subprocess, "Popen", begins)

    return fake


def in_memory(engine):
    """The maps that a process would locate by: {site: number}."""
    found = CatalogueCache().newest(engine).places.surveys.sites
    return {site: one.number for site, one in found.items()}


def logged(rows):
    return rows("SELECT key, actor, body FROM catalogue_log WHERE kind = 'radio_map' ORDER BY version")


def test_the_leader_learns_what_was_asked_for_and_puts_it_into_use(learn, brand, engine, rows):
    learned = learn(activate=True)

    told = {name: learned[name] for name in ("status", "progress", "active", "surveys", "error", "eta_s")}
    assert told == {
        "status": "ready", "progress": 1.0, "active": True, "surveys": [1], "error": None, "eta_s": None
    }  # fmt: skip
    assert learned["report"]["transmitters"] == 4
    ((key, actor, body),) = logged(rows)
    ((stored, sha256),) = rows("SELECT body, sha256 FROM radio_maps")
    assert sha256 == hashlib.sha256(stored).hexdigest()
    assert (key, body) == ("shop", {"site": "shop", "number": 1, "sha256": sha256})
    assert actor == brand.get("/sites/shop/surveys").json["items"][0]["actor"]
    assert in_memory(engine) == {"shop": 1}


def test_a_map_that_nobody_wants_yet_is_only_ready(learn, engine, rows):
    learned = learn(activate=False)

    assert (learned["status"], learned["active"]) == ("ready", False)
    assert (logged(rows), in_memory(engine)) == ([], {})


def test_a_worker_that_does_not_lead_learns_nothing(brand, worker):
    brand.post("/sites/shop/surveys", survey_body())
    worker.learn_maps()

    assert brand.get("/sites/shop/radio-maps/1").json["status"] == "queued"


def test_a_map_is_learned_from_all_surveys_that_count(learn, brand, leader):
    learn()
    assert learn()["surveys"] == [1, 2]
    brand.delete("/sites/shop/surveys/1")
    assert brand.post("/sites/shop/radio-maps", {}).json == {"radio_map": 3}
    leader.learn_maps()

    third = brand.get("/sites/shop/radio-maps/3").json
    assert (third["surveys"], third["active"], third["report"]["walks"]) == ([2], True, 2)


def test_a_map_is_put_into_use_rolled_back_and_taken_out(learn, brand, engine, rows):
    learn()
    learn()

    first = brand.put("/sites/shop/radio-map", {"number": 2})
    assert (first.status_code, in_memory(engine)) == (201, {"shop": 2})
    stale = {"If-Match": first.headers["ETag"]}
    back = brand.put("/sites/shop/radio-map", {"number": 1}, **stale)
    assert (back.status_code, back.json["number"], in_memory(engine)) == (200, 1, {"shop": 1})
    assert brand.put("/sites/shop/radio-map", {"number": 2}, **stale).status_code == 412
    assert [one["active"] for one in brand.get("/sites/shop/radio-maps").json["items"]] == [False, True]
    assert brand.get("/sites/shop/radio-map").json == back.json
    assert brand.delete("/sites/shop/radio-map").status_code == 204
    assert (in_memory(engine), brand.delete("/sites/shop/radio-map").status_code) == ({}, 404)
    assert [body and body["number"] for _, _, body in logged(rows)] == [2, 1, None]


def test_the_same_map_again_changes_nothing(learn, brand, rows):
    learn(activate=True)

    assert brand.put("/sites/shop/radio-map", {"number": 1}).status_code == 200
    assert len(logged(rows)) == 1


def test_only_a_map_that_is_ready_is_put_into_use(brand):
    brand.post("/sites/shop/surveys", survey_body())

    assert brand.put("/sites/shop/radio-map", {"number": 2}).status_code == 404
    refused = brand.put("/sites/shop/radio-map", {"number": 1})
    assert (refused.status_code, "is queued" in refused.json["detail"]) == (409, True)
    assert brand.put("/sites/shop/radio-map", {"number": 10**12}).status_code == 422


def test_a_broken_map_is_never_put_into_use(learn, brand, rows):
    learn()
    rows("UPDATE radio_maps SET body = 'broken'")

    refused = brand.put("/sites/shop/radio-map", {"number": 1})
    assert (refused.status_code, "not those that were learned" in refused.json["detail"]) == (409, True)
    rows("UPDATE radio_maps SET sha256 = encode(sha256(body), 'hex')")
    refused = brand.put("/sites/shop/radio-map", {"number": 1})
    assert (refused.status_code, "cannot be read" in refused.json["detail"]) == (409, True)
    assert logged(rows) == []


def test_a_site_whose_map_breaks_later_is_located_without_it(learn, engine, rows, capsys):
    learn(activate=True)
    rows("UPDATE radio_maps SET body = body || 'x'")

    assert in_memory(engine) == {}
    assert "a radio map cannot be used" in capsys.readouterr().err


def test_a_map_of_floors_that_are_gone_is_refused(learn, brand, leader):
    learn()
    brand.put("/sites/shop/floors/first", {"name": "First", "level": 1})
    brand.put("/sites/shop/zones/cafe", brand.get("/sites/shop/zones/cafe").json | {"floor": "first"})
    assert brand.delete("/sites/shop/floors/ground").status_code == 204

    refused = brand.put("/sites/shop/radio-map", {"number": 1})
    assert (refused.status_code, "floors ground" in refused.json["detail"]) == (409, True)


def test_one_that_is_to_be_used_and_cannot_be_says_why(brand, leader, rows, learn):
    learn()
    rows("UPDATE radio_maps SET body = 'broken', activate = true")
    leader.learn_maps()

    found = brand.get("/sites/shop/radio-maps/1").json
    assert (found["status"], found["active"], "not those" in found["error"]) == ("ready", False, True)


def test_what_cannot_be_learned_says_why(brand, leader):
    body = survey_body()
    for walk in body["walks"]:
        walk["waypoints"] = walk["waypoints"][:1]
    brand.post("/sites/shop/surveys", body)
    leader.learn_maps()

    found = brand.get("/sites/shop/radio-maps/1").json
    assert (found["status"], "no walk with two waypoints" in found["error"]) == ("failed", True)


def test_a_site_in_use_is_not_deleted(learn, brand):
    learn(activate=True)
    for path in ("/sites/shop/surveys/1", "/sites/shop/zones/cafe", "/sites/shop/floors/ground"):
        assert brand.delete(path).status_code == 204
    refused = brand.delete("/sites/shop")
    assert (refused.status_code, "1 radio maps in use" in refused.json["detail"]) == (409, True)
    brand.delete("/sites/shop/radio-map")
    assert brand.delete("/sites/shop").status_code == 204


def test_a_map_in_use_cannot_be_deleted_by_anybody(learn, rows):
    learn(activate=True)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        rows("DELETE FROM radio_maps")


def test_another_takes_up_what_a_leader_that_died_had_begun(brand, leader, engine, settings, clock):
    brand.post("/sites/shop/surveys", survey_body())
    dead = map_store.learning_lock(libpq_url(settings.database_url), FIRST)
    assert dead.__enter__()
    with transaction(engine) as connection:
        map_store.begin(connection, FIRST, clock.now())
    leader.learn_maps()
    assert brand.get("/sites/shop/radio-maps/1").json["status"] == "learning"

    dead.__exit__(None, None, None)
    leader.learn_maps()
    found = brand.get("/sites/shop/radio-maps/1").json
    assert (found["status"], found["active"]) == ("ready", True)


def test_what_ends_every_learner_is_given_up(brand, leader, engine, clock):
    brand.post("/sites/shop/surveys", survey_body())
    for _ in range(MOST_ATTEMPTS):
        with transaction(engine) as connection:
            map_store.begin(connection, FIRST, clock.now())
    leader.learn_maps()

    found = brand.get("/sites/shop/radio-maps/1").json
    assert (found["status"], "never ended" in found["error"]) == ("failed", True)


def test_a_learner_that_dies_is_told_of(brand, leader, fake_learner):
    fake_learner("import os; os.abort()")
    brand.post("/sites/shop/surveys", survey_body())
    leader.learn_maps()

    found = brand.get("/sites/shop/radio-maps/1").json
    assert (found["status"], found["error"].startswith("the learning process ended with status -6")) == (
        "failed",
        True,
    )


def test_a_reason_of_the_learner_is_the_maps(brand, leader, fake_learner):
    fake_learner("""print('{"error": "nothing was heard twice"}')""")
    brand.post("/sites/shop/surveys", survey_body())
    leader.learn_maps()

    found = brand.get("/sites/shop/radio-maps/1").json
    assert (found["status"], found["error"]) == ("failed", "nothing was heard twice")


def test_progress_is_told_while_it_is_learned_and_a_stop_gives_the_map_back(
    brand, leader, fake_learner, clock
):
    fake_learner(
        """import time; print('{"share": 0.25, "doing": "listening"}', flush=True); time.sleep(60)"""
    )
    brand.post("/sites/shop/surveys", survey_body())
    learning = threading.Thread(target=leader.learn_maps)
    learning.start()
    found = {"progress": 0.0}
    while found["progress"] == 0.0 and learning.is_alive():
        clock.advance(seconds=0.1)
        found = brand.get("/sites/shop/radio-maps/1").json
    leader.stop()
    learning.join()

    assert (found["status"], found["progress"], found["doing"]) == ("learning", 0.25, "listening")
    assert found["eta_s"] > 0
    given_back = brand.get("/sites/shop/radio-maps/1").json
    assert (given_back["status"], given_back["progress"]) == ("queued", 0.0)


def test_one_learner_at_a_time(brand, engine, settings, clock):
    brand.post("/sites/shop/surveys", survey_body())
    url = libpq_url(settings.database_url)
    with map_store.learning_lock(url, FIRST) as ours, map_store.learning_lock(url, FIRST) as theirs:
        assert (ours, theirs) == (True, False)
        assert MapLearning(engine, url, clock).learn_next() is False


def test_the_stored_map_is_what_was_learned(learn, rows):
    learn()
    ((body,),) = rows("SELECT body FROM radio_maps")
    assert unpacked(body).lattice.floors == ("ground",)


@pytest.fixture
def shop(app, clock, brand):
    """Phones that hear what the surveyor heard; no beacon's place is known."""
    cafe = zone_body(geometry=square(-2, -2, columns=5, rows=5), floor="ground")
    assert brand.put("/sites/shop/zones/cafe", cafe).status_code == 200
    made = Shop(app, clock)
    made.phone("anna")
    return made


def entered(shop, name):
    """Three pings of a phone that lies in the middle of the café; answers the zones that it entered."""
    found = []
    for number in range(3):
        shop.clock.advance(seconds=5)
        heard = [
            {"type": "ibeacon", "rssi": one["rssi"]}
            | {field: one[field] for field in ("uuid", "major", "minor", "mac", "tx_power")}
            for one in survey_body(columns=8)["walks"][0]["sightings"][24 + 4 * number : 28 + 4 * number]
        ]
        ping = {"ping_id": f"{name}-{number}", "at": shop.clock.now().isoformat(), "sightings": heard}
        answer = shop.post("anna", ping)
        assert answer.json["results"][0]["status"] == "accepted", answer.text
        found += [(event["type"], event["zone"]) for event in answer.json["events"]]
    return found


def test_an_edit_binds_every_ping_that_comes_after_it(learn, brand, shop):
    learn(columns=8)
    assert entered(shop, "before") == []

    brand.put("/sites/shop/radio-map", {"number": 1})
    assert entered(shop, "with") == [("entered", "cafe")]


def test_a_map_that_breaks_takes_no_ping_down(learn, brand, shop, rows):
    learn(activate=True, columns=8)
    rows("UPDATE radio_maps SET body = body || 'x'")

    assert entered(shop, "broken") == []
    learn(activate=True, columns=8)
    assert entered(shop, "mended") == [("entered", "cafe")]
