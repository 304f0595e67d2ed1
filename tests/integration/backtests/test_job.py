"""Backtests are run by workers: each once, to its end, whatever becomes of the worker or of the process."""

import json
import threading
import time
from datetime import timedelta

import pytest

from beacon_service.backtests import store
from beacon_service.backtests.jobs import MOST_ATTEMPTS, Backtesting
from beacon_service.backtests.requests import MOST_EXAMPLES
from beacon_service.db import transaction
from beacon_service.leadership import held_alone
from beacon_service.settings import libpq_url
from beacon_service.worker import Worker
from tests.factories.backtests import ask, examples, instead, told
from tests.factories.catalogue import campaign_document, zone_document
from tests.factories.people import People
from tests.factories.replayed import snapshot

SLEEPS = """
import json, time
print(json.dumps({"progress": [0.5, 20, 4]}), flush=True)
time.sleep(60)
"""


@pytest.fixture
def shop(app, clock):
    return People(app, clock)


@pytest.fixture
def worker(settings, clock):
    made = Worker(settings, settings.database_url, clock)
    yield made
    made.stop()
    made.close()


@pytest.fixture
def other(settings, clock):
    made = Worker(settings, settings.database_url, clock)
    yield made
    made.close()


@pytest.fixture
def visited(shop):
    """Anna and Ben have come to the café and were offered a coffee; answers the shop."""
    shop.configure(zones=[zone_document("cafe", exit_hold_s=0)], campaigns=[campaign_document("coffee")])
    snapshot(shop)
    for name in ("anna", "ben"):
        shop.register(name)
        shop.identify(name, f"is-{name}")
        shop.clock.advance(seconds=5)
        assert len(shop.ping(name, "1")["decisions"]) == 1
    shop.clock.advance(seconds=5)
    return shop


def without_coffee(shop):
    return ask(shop, ("campaign", "coffee", None))


def example(customer_key, number=0):
    at = "2026-06-03T12:00:00Z"
    return {
        "kind": "lost", "moment_key": f"00000000-0000-0000-0000-{number:012}", "campaign": "coffee", "site": "shop",
        "zone": "cafe", "at": at, "before": {}, "after": None, "customer_key": customer_key,
    }  # fmt: skip


def saying(*lines, then=""):
    """A process that says these lines."""
    said = "\n".join(json.dumps(line) for line in lines)
    return f"print('''{said}''', flush=True)\n{then}"


def key_of(shop, customer):
    return shop.rows("SELECT key FROM customers WHERE id = %s", customer)[0][0]


def test_what_was_decided_is_verified(visited, worker):
    id_ = ask(visited)
    worker.run_backtests()
    found = told(visited, id_)
    assert (found["status"], found["error"], found["attempts"]) == ("done", None, 1)
    assert (found["report"]["decisions"], found["report"]["differences"]) == (2, 0)
    assert found["report"]["peak_mb"] > 20
    assert found["progress"]["share"] == 1.0
    assert examples(visited, id_) == []


def test_what_would_be_lost_is_told_with_its_examples(visited, worker):
    id_ = without_coffee(visited)
    worker.run_backtests()
    report = told(visited, id_)["report"]
    assert (report["before"]["offers"], report["after"]["offers"]) == (2, 0)
    found = examples(visited, id_)
    assert [(one["kind"], one["campaign"], one["customer_id"]) for one in found] == [
        ("lost", "coffee", "is-anna"),
        ("lost", "coffee", "is-ben"),
    ]
    assert [one["after"] for one in found] == [None, None]


def test_the_service_itself_is_as_before(visited, worker):
    tables = (
        "decisions",
        "grants",
        "outcomes",
        "moves",
        "changes",
        "customers",
        "presence",
        "tallies",
        "waiting",
    )
    everything = " UNION ALL ".join(f"SELECT to_jsonb(t)::text FROM {table} AS t" for table in tables)
    before = sorted(visited.rows(everything))
    without_coffee(visited)
    worker.run_backtests()
    assert sorted(visited.rows(everything)) == before


def test_one_after_the_other_the_oldest_first(visited, worker):
    first = ask(visited)
    visited.clock.advance(seconds=1)
    second = ask(visited)
    worker.run_backtests()
    assert [told(visited, one)["status"] for one in (first, second)] == ["done", "queued"]
    worker.run_backtests()
    assert told(visited, second)["status"] == "done"


def test_a_range_before_all_that_is_recorded_fails_with_the_reason(visited, worker):
    since = (visited.clock.now() - timedelta(days=3)).isoformat()
    visited.rows("DELETE FROM snapshots RETURNING 1")
    visited.rows("UPDATE customers SET created_at = created_at - interval '9 days' RETURNING 1")
    id_ = ask(visited, **{"from": since})
    worker.run_backtests()
    found = told(visited, id_)
    assert found["status"] == "failed"
    assert "begin later" in found["error"]
    assert found["ended_at"] is not None


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (
            "import os; os.abort()",
            "its process was ended by signal 6: has the machine enough memory? Ask for a ",
        ),
        (
            "raise SystemExit(3)",
            "its process ended with status 3; its last words are in the log of the worker",
        ),
        ("", "its process ended with status 0; its last words are in the log of the worker"),
        (saying({"error": "the moon is full"}), "the moon is full"),
    ],
)
def test_a_process_that_ends_without_a_report_is_told_of(shop, worker, monkeypatch, script, error):
    id_ = ask(shop)
    instead(monkeypatch, script)
    worker.run_backtests()
    found = told(shop, id_)
    assert (found["status"], found["report"]) == ("failed", None)
    assert found["error"].startswith(error)


def test_a_mistake_is_told_by_its_kind_and_its_place_alone(visited, worker, capfd):
    id_ = ask(visited)
    visited.rows("UPDATE pings SET fix = '{\"source\": 5}' RETURNING 1")
    worker.run_backtests()
    assert told(visited, id_)["error"].startswith("a mistake of ours, ValidationError;")
    said = capfd.readouterr().err
    assert '"event":"a backtest failed"' in said
    assert "history_store.py" in said
    assert "Traceback" not in said


def test_a_database_that_went_away_is_a_pause(visited, worker, monkeypatch):
    id_ = ask(visited)
    with monkeypatch.context() as patch:
        instead(patch, saying({"lost": True}))
        worker.run_backtests()
    assert told(visited, id_)["status"] == "running"
    worker.run_backtests()
    found = told(visited, id_)
    assert (found["status"], found["attempts"]) == ("done", 2)


def running(shop, worker, id_):
    """A worker that is at it, and has told how far it is."""
    thread = threading.Thread(target=worker.run_backtests)
    thread.start()
    until = time.monotonic() + 60
    while told(shop, id_)["progress"]["share"] == 0.0:
        assert thread.is_alive()
        assert time.monotonic() < until
        time.sleep(0.02)
    return thread


def test_a_cancel_ends_the_process_within_two_seconds(shop, worker, monkeypatch):
    id_ = ask(shop)
    instead(monkeypatch, SLEEPS)
    thread = running(shop, worker, id_)
    assert told(shop, id_)["progress"]["steps"] == 20
    began_s = time.monotonic()
    assert shop.ask("POST", f"/v1/backtests/{id_}:cancel", {}).json["status"] == "cancelled"
    thread.join(30)
    assert time.monotonic() - began_s < 2.0 + 1.0  # and how long a test's machine may take to end a process
    assert (told(shop, id_)["status"], told(shop, id_)["error"]) == ("cancelled", None)


def test_one_that_is_cancelled_and_deleted_leaves_nothing(shop, worker, monkeypatch):
    id_ = ask(shop)
    instead(monkeypatch, SLEEPS)
    thread = running(shop, worker, id_)
    shop.ask("POST", f"/v1/backtests/{id_}:cancel", {})
    assert shop.ask("DELETE", f"/v1/backtests/{id_}").status_code == 204
    thread.join(30)
    assert shop.rows("SELECT count(*) FROM backtests") == [(0,)]


def test_a_worker_that_stops_gives_it_back(shop, worker, other, monkeypatch):
    id_ = ask(shop)
    with monkeypatch.context() as patch:
        instead(patch, SLEEPS)
        thread = running(shop, worker, id_)
        worker.run_backtests()  # it has one already, and looks for no other
        assert told(shop, id_)["attempts"] == 1
        worker.stop()
        thread.join(30)
    given_back = told(shop, id_)
    assert (given_back["status"], given_back["attempts"], given_back["begun_at"]) == ("queued", 0, None)
    worker.run_backtests()
    assert told(shop, id_)["status"] == "queued", "one that is stopping begins nothing"
    other.run_backtests()
    assert told(shop, id_)["attempts"] == 1


@pytest.fixture
def begun(engine, shop):
    """An attempt at a backtest, as a worker begins it."""

    def begun(id_):
        with transaction(engine) as connection:
            return store.begin(connection, id_, "7", shop.clock.now())

    return begun


def test_what_a_dead_worker_had_begun_is_begun_anew(visited, worker, begun, settings):
    id_ = ask(visited)
    url = libpq_url(settings.database_url)
    with held_alone(url, f"backtest:{id_}") as ours:
        assert ours
        begun(id_)
        worker.run_backtests()
        assert (told(visited, id_)["status"], told(visited, id_)["attempts"]) == ("running", 1)
    worker.run_backtests()
    assert (told(visited, id_)["status"], told(visited, id_)["attempts"]) == ("done", 2)


def test_what_a_worker_lets_go_of_can_be_begun_at_once(database_url):
    for _ in range(30):
        with held_alone(libpq_url(database_url), "backtest:1") as ours:
            assert ours


def test_what_ends_every_worker_is_given_up(visited, worker, begun):
    id_ = ask(visited)
    for _ in range(MOST_ATTEMPTS):
        begun(id_)
    worker.run_backtests()
    found = told(visited, id_)
    assert found["status"] == "failed"
    assert found["error"] == "it was begun 3 times and never ended: has the machine enough memory?"


def test_an_attempt_that_another_has_followed_writes_nothing_more(shop, worker, begun, monkeypatch):
    id_ = ask(shop)
    instead(monkeypatch, saying({"report": {"decisions": 0}}))
    begin = Backtesting._begin

    def followed(self, id_):
        attempt = begin(self, id_)
        begun(id_)
        return attempt

    monkeypatch.setattr(Backtesting, "_begin", followed)
    worker.run_backtests()
    assert (told(shop, id_)["status"], told(shop, id_)["attempts"]) == ("running", 2)


def test_examples_are_written_while_it_runs_and_a_thousand_are_kept(shop, worker, monkeypatch):
    shop.register("anna")
    one = example(shop.rows("SELECT key FROM customers")[0][0])
    script = f"""
import json, time
for number in range({MOST_EXAMPLES + 100}):
    print(json.dumps({{"progress": [0.5, 20, 4], "examples": [{one!r}]}}), flush=True)
    if number == 100:
        time.sleep(60 if {{sleeps}} else 0)
print(json.dumps({{"report": {{"differences": {MOST_EXAMPLES + 100}}}}}))
"""
    first = ask(shop)
    shop.clock.advance(seconds=1)
    second = ask(shop)
    instead(monkeypatch, script.replace("{sleeps}", "True"))
    thread = running(shop, worker, first)
    assert len(examples(shop, first)) == 100, "a page"
    shop.ask("POST", f"/v1/backtests/{first}:cancel", {})
    thread.join(30)
    monkeypatch.undo()
    instead(monkeypatch, script.replace("{sleeps}", "False"))
    worker.run_backtests()
    assert told(shop, second)["report"] == {"differences": MOST_EXAMPLES + 100}
    numbers = shop.rows("SELECT max(number), count(*) FROM backtest_examples WHERE backtest_id = %s", second)
    assert numbers == [(MOST_EXAMPLES - 1, MOST_EXAMPLES)]


def test_a_new_attempt_begins_without_the_examples_of_the_last(shop, worker, monkeypatch):
    shop.register("anna")
    key = shop.rows("SELECT key FROM customers")[0][0]
    id_ = ask(shop)
    for last in ({"lost": True}, {"report": {}}):
        with monkeypatch.context() as patch:
            instead(patch, saying({"examples": [example(key)]}, last))
            worker.run_backtests()
    assert len(examples(shop, id_)) == 1


def test_an_example_goes_with_its_customer(visited, worker):
    id_ = without_coffee(visited)
    worker.run_backtests()
    assert visited.ask("GET", "/v1/customers/is-anna/export").json["backtests"][0]["kind"] == "lost"
    assert visited.ask("DELETE", "/v1/customers/is-anna").status_code == 204
    assert [one["customer_id"] for one in examples(visited, id_)] == ["is-ben"]
    assert told(visited, id_)["report"]["differences"] == 2


def test_who_is_erased_while_it_runs_is_not_written_down(visited, worker, monkeypatch):
    found = [example(key_of(visited, f"is-{name}"), number) for number, name in enumerate(("anna", "ben"))]
    assert visited.ask("DELETE", "/v1/customers/is-anna").status_code == 204
    id_ = ask(visited)
    instead(monkeypatch, saying({"examples": found}, {"report": {}}))
    worker.run_backtests()
    assert [one["customer_id"] for one in examples(visited, id_)] == ["is-ben"]


def test_an_example_of_whom_nobody_knows_is_not_kept(shop, worker, monkeypatch):
    id_ = ask(shop)
    instead(monkeypatch, saying({"examples": [example(None), example(4711)]}, {"report": {}}))
    worker.run_backtests()
    assert (told(shop, id_)["status"], examples(shop, id_)) == ("done", [])


@pytest.mark.parametrize("merged_first", [True, False])
def test_an_example_is_of_whoever_that_customer_has_become(shop, worker, monkeypatch, merged_first):
    shop.register("phone")
    (anonymous,) = shop.rows("SELECT key FROM customers")[0]

    def merge():
        assert shop.identify("phone", "anna").status_code == 200

    if merged_first:
        merge()
    id_ = ask(shop)
    instead(monkeypatch, saying({"examples": [example(anonymous)]}, {"report": {}}))
    worker.run_backtests()
    if not merged_first:
        merge()
    assert [one["customer_id"] for one in examples(shop, id_)] == ["anna"]
    shop.ask("DELETE", "/v1/customers/anna")
    assert examples(shop, id_) == []


def test_the_dead_are_not_woken_by_the_examples_of_whom_they_were(shop, worker, monkeypatch):
    shop.register("phone")
    (anonymous,) = shop.rows("SELECT key FROM customers")[0]
    shop.identify("phone", "anna")
    shop.ask("DELETE", "/v1/customers/anna")
    id_ = ask(shop)
    instead(monkeypatch, saying({"examples": [example(anonymous)]}, {"report": {}}))
    worker.run_backtests()
    assert examples(shop, id_) == []


def test_after_the_days_of_retention_it_is_forgotten(visited, worker, settings):
    id_ = without_coffee(visited)
    worker.run_backtests()
    visited.clock.advance(days=settings.retention_days)
    worker.keep_house()
    assert len(examples(visited, id_)) == 2
    visited.clock.advance(days=1)
    worker.keep_house()
    assert visited.ask("GET", f"/v1/backtests/{id_}").status_code == 404
    assert visited.rows("SELECT count(*) FROM backtest_examples") == [(0,)]


def test_pings_that_are_being_read_are_dropped_later_and_hold_nobody_up(visited, worker, settings):
    visited.clock.advance(days=settings.retention_days + 1)
    with visited.connect() as reader:
        reader.execute("SELECT count(*) FROM pings")
        began_s = time.monotonic()
        worker.keep_house()
        assert time.monotonic() - began_s < 5.0
        assert reader.execute("SELECT count(*) FROM pings").fetchone() == (2,)
        assert visited.rows("SELECT count(*) FROM snapshots") == [(1,)], "the rest of the house is kept"
    worker.keep_house()
    assert visited.rows("SELECT count(*) FROM pings") == [(0,)]


def test_operators_see_what_waits(visited, worker):
    ask(visited)
    visited.clock.advance(seconds=7)
    queues = {one["queue"]: one for one in visited.ask("GET", "/v1/scheduler").json["queues"]}
    assert (queues["backtests"]["due"], queues["backtests"]["lag_s"]) == (1, 7.0)
    worker.jobs.surviving(worker.run_backtests)()
    worker.tell_jobs()
    told_jobs = visited.ask("GET", "/v1/scheduler").json["jobs"]
    assert [(one["job"], one["runs"], one["failures"]) for one in told_jobs] == [("run_backtests", 1, 0)]


def test_its_connection_can_write_nothing(visited, worker, monkeypatch, settings):
    script = """
import sys
import msgspec, psycopg
from beacon_service.backtests import process
given = msgspec.json.decode(sys.stdin.buffer.read(), type=process.Given)
with process._reading(given.url) as connection:
    try:
        connection.execute("DELETE FROM customers")
    except psycopg.errors.ReadOnlySqlTransaction:
        print('{"report": {"refused": true}}')
"""
    id_ = ask(visited)
    instead(monkeypatch, script)
    worker.run_backtests()
    assert told(visited, id_)["report"] == {"refused": True}
