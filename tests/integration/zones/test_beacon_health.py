"""From pings to the health of beacons: the leader's look, and what the brand is told."""

from datetime import date, timedelta

import pytest

from beacon_service import partitions
from beacon_service.worker import Worker
from tests.factories.brand import beacon_body, faults
from tests.factories.people import People

UUID = "7D0C1A52-4E0B-4C8E-9A57-5B1F3C0E6A21"
NORTH_M = 1 / 111_195  # degrees


class Venue(People):
    """A shop of beacons in a row, ten metres apart, phones that walk by, and a worker that looks."""

    def __init__(self, app, clock, worker):
        super().__init__(app, clock)
        self.worker, self.pinged = worker, 0
        self.ask("PUT", "/v1/sites/shop", {"name": "Shop", "time_zone": "Europe/Amsterdam"})
        self.ask("PUT", "/v1/sites/mall", {"name": "Mall", "time_zone": "Europe/Amsterdam"})

    def beacon(self, name, minor, north_m, **fields):
        identity = {"type": "ibeacon", "uuid": UUID, "major": 1, "minor": minor}
        body = beacon_body(identities=[identity], latitude=52.37 + north_m * NORTH_M, longitude=4.9, **fields)
        answer = self.ask("PUT", f"/v1/beacons/{name}", body)
        assert answer.status_code in {200, 201}, answer.text

    def hear(self, phone, *minors, **fields):
        self.pinged += 1
        sightings = [
            {"type": "ibeacon", "uuid": UUID, "major": 1, "minor": minor, "rssi": -65} | fields
            for minor in minors
        ]
        ping = {"ping_id": f"p{self.pinged}", "at": self.clock.now().isoformat(), "sightings": sightings}
        answer = self.post(phone, ping)
        assert answer.json["results"][0]["status"] == "accepted", answer.text

    def look(self):
        """What was said until now is read at the second look from now: five minutes must lie between."""
        for _ in range(2):
            self.clock.advance(minutes=5)
            self.worker.watch_beacons()

    def health(self, name):
        answer = self.ask("GET", f"/v1/beacons/{name}/health")
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def venue(app, settings, clock):
    worker = Worker(settings, settings.database_url, clock)
    made = Venue(app, clock, worker)
    for number in range(1, 5):
        made.beacon(f"b{number}", number, 10 * number)
    worker.watch_beacons()
    yield made
    worker.close()


def test_a_beacon_that_is_heard_is_well(venue):
    venue.phone("anna")
    venue.hear("anna", 1, 2, battery_mv=2950, temperature_c=21.5)
    heard_at = venue.clock.now()
    venue.look()

    found = venue.health("b1")
    assert (found["state"], found["findings"], found["status"]) == ("ok", [], "active")
    assert found["last_heard_at"] == heard_at.isoformat().replace("+00:00", "Z")
    assert (found["sightings_6h"], found["sightings_24h"]) == (1, 1)
    assert (found["battery_mv"], found["temperature_c"]) == (2950, 21.5)
    assert venue.health("b3")["state"] == "unheard"


def test_a_beacon_of_which_nothing_was_said_yet_is_unheard(venue):
    assert venue.health("b1")["findings"] == ["unheard"]
    assert venue.ask("GET", "/v1/beacons/none/health").status_code == 404


def test_a_beacon_that_was_carried_next_door_is_told_on_by_the_beacons_there(venue):
    for number in range(3):
        venue.beacon(f"m{number}", 10 + number, 400 + 10 * number, site="mall")
    for phone in ("anna", "ben", "carla", "dora"):
        venue.phone(phone)
        for _ in range(6):
            venue.clock.advance(seconds=5)
            venue.hear(phone, 1, 10, 11, 12)
    venue.look()

    found = venue.health("b1")
    assert found["state"] == "moved"
    assert found["elsewhere"]["near"] == {"site": "mall", "floor": None}
    assert found["elsewhere"] | {"apart_m": 0, "near": None, "phones": 0} == {
        "pings": 24,
        "far": 24,
        "phones": 0,
        "apart_m": 0,
        "near": None,
    }
    assert found["elsewhere"]["apart_m"] == pytest.approx(398, abs=5)
    assert venue.health("m1")["state"] == "ok"

    venue.beacon("b1", 1, 405, site="mall")
    venue.look()
    assert venue.health("b1")["state"] == "ok"


def test_a_beacon_that_falls_silent_while_others_are_heard_is_found(venue):
    venue.phone("anna")
    venue.hear("anna", 1, 2)
    for _ in range(7):
        venue.clock.advance(minutes=49)
        for _ in range(6):
            venue.clock.advance(seconds=10)
            venue.hear("anna", 2, 3)
        venue.look()

    assert venue.health("b1")["state"] == "silent"
    assert venue.health("b2")["state"] == "ok"

    venue.hear("anna", 1)
    venue.look()
    assert venue.health("b1")["state"] == "ok"


def test_one_in_quarantine_is_watched_and_still_triggers_nothing(venue):
    venue.beacon("b1", 1, 10, status="quarantined")
    venue.phone("anna")
    venue.hear("anna", 1)
    assert venue.rows("SELECT fix ->> 'source' FROM pings") == [("none",)]
    venue.look()

    assert (venue.health("b1")["state"], venue.health("b1")["status"]) == ("ok", "quarantined")


def test_beacons_are_listed_by_site_and_state_page_by_page(venue):
    venue.beacon("m1", 10, 400, site="mall")
    venue.beacon("old", 11, 0, status="retired")
    venue.phone("anna")
    venue.hear("anna", 2, 10)
    venue.look()

    def listed(query):
        answer = venue.ask("GET", f"/v1/beacons/health{query}")
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json["items"]], answer.json["next_cursor"]

    assert listed("") == (["b1", "b2", "b3", "b4", "m1"], None)
    assert listed("?site=mall") == (["m1"], None)
    assert listed("?state=ok") == (["b2", "m1"], None)
    assert listed("?state=ok&site=shop") == (["b2"], None)
    assert listed("?site=nowhere") == ([], None)
    first, cursor = listed("?state=unheard&limit=2")
    assert (first, listed(f"?state=unheard&limit=2&cursor={cursor}")) == (["b1", "b3"], (["b4"], None))


def test_what_cannot_be_asked_is_named(venue):
    assert set(faults(venue.ask("GET", "/v1/beacons/health?state=ill&limit=0"))) == {"?state", "?limit"}


def test_no_beacon_can_have_the_address_of_their_health(venue):
    assert set(faults(venue.ask("PUT", "/v1/beacons/health", beacon_body()))) == {"/id"}
    point = {"type": "Point", "coordinates": [4.9, 52.37]}
    feature = {"type": "Feature", "id": "health", "geometry": point, "properties": beacon_body()}
    feature["properties"] = {"identities": beacon_body()["identities"]}
    collection = {"type": "FeatureCollection", "features": [feature]}
    answer = venue.ask("POST", "/v1/sites/shop/beacons/imports", collection)
    assert set(faults(answer)) == {"/features/0/id"}


def test_nothing_of_a_person_or_a_phone_is_kept(venue):
    for name in ("anna", "ben"):
        venue.phone(name)
        venue.hear(name, 1, 2, 3)
    venue.look()

    kept = {key for (record,) in venue.rows("SELECT record FROM beacon_health") for key in record}
    assert kept <= {"place", "last_heard_at", "hours", "windows", "findings", "silent_after"}
    ((windows,),) = venue.rows("SELECT record -> 'windows' FROM beacon_health WHERE beacon_id = 'b1'")
    assert windows == [[(venue.clock.now().date() - date(1970, 1, 1)).days, 2, 0, 0.0, 0, {}]]


def test_pings_are_read_once_and_none_is_passed_over(venue):
    venue.phone("anna")
    for _ in range(5):
        venue.clock.advance(seconds=30)
        venue.hear("anna", 1)
        venue.clock.advance(minutes=5)
        venue.worker.watch_beacons()
    venue.look()
    venue.look()

    assert venue.health("b1")["sightings_24h"] == 5


def test_of_many_pings_a_share_is_read_that_stands_for_all(venue, monkeypatch):
    monkeypatch.setattr("beacon_service.pings.beacon_watch.MOST_PINGS", 20)
    venue.phone("anna")
    for _ in range(100):
        venue.clock.advance(seconds=1)
        venue.hear("anna", 1)
    venue.look()

    assert 40 <= venue.health("b1")["sightings_24h"] <= 200
    assert venue.health("b1")["sightings_24h"] % 5 == 0


def test_another_worker_goes_on_where_the_leader_stopped(venue, settings):
    venue.phone("anna")
    venue.hear("anna", 1)
    venue.clock.advance(minutes=5)
    venue.worker.watch_beacons()
    other = Worker(settings, settings.database_url, venue.clock)
    other.watch_beacons()  # at once: nothing may have settled yet
    assert venue.health("b1")["state"] == "unheard"
    venue.clock.advance(minutes=5)
    other.watch_beacons()
    other.close()

    assert venue.health("b1")["sightings_24h"] == 1


def test_after_a_long_pause_the_look_begins_with_what_comes(venue):
    venue.phone("anna")
    venue.hear("anna", 1)
    venue.clock.advance(minutes=61)
    venue.look()
    assert venue.health("b1")["state"] == "unheard"
    venue.hear("anna", 1)
    venue.look()
    assert venue.health("b1")["sightings_24h"] == 1


def test_health_goes_with_its_beacon(venue):
    venue.phone("anna")
    venue.hear("anna", 1)
    venue.look()
    assert venue.ask("DELETE", "/v1/beacons/b1").status_code == 204
    venue.look()

    assert venue.rows("SELECT count(*) FROM beacon_health WHERE beacon_id = 'b1'") == [(0,)]


def test_the_leader_looks_every_five_minutes(venue):
    venue.phone("anna")
    venue.hear("anna", 1)
    with venue.connect() as connection:  # the clock stands in a month of its own
        partitions.ensure(connection, venue.clock.now().date())
    for _ in range(4):
        venue.clock.now_at += timedelta(minutes=5)
        venue.worker.lead()

    assert venue.health("b1")["state"] == "ok"
