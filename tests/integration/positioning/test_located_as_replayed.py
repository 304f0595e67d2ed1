"""The service holds a phone in the zone that `beacon-sim locate` says: one engine, one map, whatever learned and asked it.

Surveyed sites come in as an operator brings them, walks are sent as phones send them, a ping a second.
"""

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from beacon_service.cli import main
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.positioning.survey_files import read_sightings
from beacon_service.visits.advance import primary
from beacon_service.visits.model import Presence
from beacon_service.zones.model import split_zone_key
from beacon_service.zones.packed_map import packed, unpacked
from simulators.locate import Asked, pings_of, places_of, predictions
from simulators.recorded import read_venue
from tests.factories.brand import floor_body
from tests.factories.people import People
from tests.factories.surveyed import FLOORS, collection, survey, walk_rows, walkers, write_walks

MALL = Path(__file__).parents[4] / "shared" / "data" / "mall" / "site1"
MOST_MALL_WALKS, MOST_MALL_PINGS = 5, 120


@pytest.fixture
def people(app, clock):
    return People(app, clock)


@pytest.fixture
def held_in(people, engine, clock):
    """A walk sent by a phone of its own; answers in which zone it is held after each ping."""

    def held_in(trace, pings):
        phone = f"phone-{trace}"
        assert people.register(phone).status_code == 201
        places = CatalogueCache().newest(engine).places
        found, began_at, first_at = {}, clock.now(), pings[0].at
        for ping in pings:
            clock.now_at = began_at + (ping.at - first_at)
            body = {
                "ping_id": ping.ping_id,
                "at": clock.now().isoformat(),
                "sightings": [sent(one) for one in ping.sightings],
            }
            answer = people.post(phone, body)
            assert answer.status_code == 200, answer.text
            assert answer.json["results"][0]["status"] == "accepted", answer.text
            ((state,),) = people.rows(
                "SELECT state FROM presence JOIN installations ON installation_key = key WHERE id = %s", phone
            )
            presence = msgspec.convert(state, Presence, strict=False)
            found[ping.at] = primary(presence, places)
        clock.now_at += timedelta(minutes=1)
        return {at: zone and split_zone_key(zone)[1] for at, zone in found.items()}

    return held_in


def sent(one):
    """A sighting as a phone tells it."""
    uuid, major, minor = one.identity.split(":")[1:]
    told = {"type": "ibeacon", "uuid": uuid, "major": int(major), "minor": int(minor), "rssi": one.rssi_dbm}
    told |= {"mac": one.mac.removeprefix("mac:")} if one.mac else {}
    return told | ({"tx_power": one.tx_power_dbm} if one.tx_power_dbm is not None else {})


def replayed(places, trace, walk, pings):
    """What the command would say of the same moments."""
    moments = {round(ping.at.timestamp() * 1000): ping.at for ping in pings}
    asked = [Asked(trace, t_ms) for t_ms in moments]
    found = predictions(places, {trace: walk}, asked)
    return {moments[one.t_ms]: zone and split_zone_key(zone)[1] for one, zone in found}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The corridor with its wings, as files; their plans say which floor is above which."""
    folder = tmp_path_factory.mktemp("corridor")
    for level, floor in enumerate(FLOORS):
        plan = {"type": "Feature", "properties": {"floor_num": level}, "geometry": None}
        (folder / f"floor-{floor}.geojson").write_text(json.dumps({"features": [plan]}))
    (folder / "zones.geojson").write_text(json.dumps(collection()))
    write_walks(folder / "survey", survey())
    write_walks(folder / "walks", walkers())
    return folder


def survey_body():
    rows = walk_rows(survey())
    own = [
        {
            name: [
                {key: value for key, value in row.items() if key != "trace"}
                for row in of
                if row["trace"] == trace
            ]
            for name, of in rows.items()
        }
        | {"trace": trace}
        for trace in dict.fromkeys(row["trace"] for row in rows["waypoints"])
    ]
    return {"walks": own, "activate": True}


@pytest.fixture
def corridor(brand, leader):
    """The corridor brought in over HTTP: floors, zones, its survey, learned by the worker and in use."""
    brand.delete("/sites/shop/zones/cafe")
    for level, floor in enumerate(FLOORS):
        assert brand.put(f"/sites/shop/floors/{floor}", floor_body(level=level)).status_code in {200, 201}
    imported = collection()
    for feature in imported["features"]:
        del feature["properties"]["zone"]
    assert brand.post("/sites/shop/zones/imports", imported).json["created"] == len(imported["features"])
    answer = brand.post("/sites/shop/surveys", survey_body())
    assert answer.status_code == 202, answer.json
    leader.learn_maps()
    assert brand.get("/sites/shop/radio-maps/1").json["active"]


@pytest.mark.usefixtures("corridor")
def test_the_worker_learns_what_the_command_learns(made, rows):
    ((stored,),) = rows("SELECT body FROM radio_maps")
    places = places_of(made / "zones.geojson", survey=made / "survey")
    (learned,) = (one.radio_map for one in places.surveys.sites.values())

    assert unpacked(stored).report == learned.report
    assert stored == packed(learned)


@pytest.mark.usefixtures("corridor")
def test_walkers_are_held_where_a_replay_holds_them(made, held_in):
    places = places_of(made / "zones.geojson", survey=made / "survey")
    seen = set()
    for trace, walk in read_sightings(made / "walks" / "sightings.csv").items():
        pings = pings_of(walk)
        live = held_in(trace, pings)
        assert live == replayed(places, trace, walk, pings), trace
        seen |= set(live.values())

    assert len(pings) > 40
    assert seen - {None} == {zone["id"] for zone in collection()["features"]}


@pytest.mark.skipif(not MALL.is_dir(), reason="no recorded mall in ../shared/data/mall")
def test_walkers_in_a_real_mall_are_held_where_a_replay_holds_them(brand, held_in, database_url, rows):
    """Learned once for the service and once for the replay; the longest walks, each for two minutes."""
    venue = read_venue(MALL)
    brand.delete("/sites/shop/zones/cafe")
    brand.delete("/sites/shop/floors/ground")
    for floor, body in venue.floors.items():
        assert brand.put(f"/sites/shop/floors/{floor}", body).status_code == 201
    assert brand.post("/sites/shop/zones/imports", venue.zones).status_code == 200
    arguments = ["import", "survey", "shop", str(MALL / "survey"), "--here"]
    done = CliRunner().invoke(main, arguments, env={"BEACON_DATABASE_URL": database_url})
    assert done.exit_code == 0, done.output

    places = places_of(MALL / "zones.geojson", survey=MALL / "survey")
    ((stored,),) = rows("SELECT body FROM radio_maps")
    assert stored == packed(places.surveys.sites["site"].radio_map)
    walks = read_sightings(MALL / "dev" / "sightings.csv.gz")
    zones = set()
    for trace, walk in sorted(walks.items(), key=lambda one: -len(one[1]))[:MOST_MALL_WALKS]:
        pings = pings_of(walk)[:MOST_MALL_PINGS]
        live = held_in(trace, pings)
        assert live == replayed(places, trace, walk, pings), trace
        zones |= set(live.values())
    assert len(zones - {None}) > MOST_MALL_WALKS
