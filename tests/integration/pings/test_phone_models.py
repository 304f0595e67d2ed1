"""Phone models hear differently: learned from pings, kept as configuration, known to the engine."""

from datetime import timedelta

import pytest
from click.testing import CliRunner

from beacon_service.cli import main
from beacon_service.db import round_trip, transaction
from beacon_service.pings import loading
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.phone_levels import MOST_OF_ONE_PHONE, learn, loudness
from beacon_service.worker import Worker
from tests.factories.catalogue import IBEACON_UUID, beacon_document
from tests.factories.people import People

MODELS = {"anna": ("Pixel 9", 0), "ben": ("iPhone17,1", 8), "carla": ("SM-A166B", -12)}
BEACONS = 6
IBEACON = {"type": "ibeacon", "uuid": IBEACON_UUID, "major": 1}


@pytest.fixture
def venue(app, clock):
    made = People(app, clock)
    identities = [f"ibeacon:{IBEACON_UUID}:1:{minor}" for minor in range(BEACONS)]
    made.configure(beacons=[beacon_document(f"b{n}", identities=[one]) for n, one in enumerate(identities)])
    for name, (model, _) in MODELS.items():
        assert made.register(name, model=model).status_code == 201
    return made


def walk(venue, *, pings=40, models=MODELS):
    """Each phone hears all beacons in each ping, by so many dB more than the median one."""
    batches = {}
    for name, (_, offset_db) in models.items():
        batches[name] = [
            {
                "ping_id": f"p{venue.clock.now().timestamp()}-{n}",
                "at": (venue.clock.now() - timedelta(seconds=pings - n)).isoformat(),
                "sightings": [
                    IBEACON | {"minor": minor, "rssi": -60 - 2 * minor - n % 10 + offset_db}
                    for minor in range(BEACONS)
                ],
            }
            for n in range(pings)
        ]
    answer = venue.post_many(batches)
    assert {one["status"] for one in answer.json["results"]} == {"accepted"}, answer.text


def places(engine):
    return CatalogueCache().newest(engine).places


def learned(venue, engine):
    return {one.model: one.offset_db for one in learn(engine, places(engine), venue.clock.now())}


def documents(venue):
    return venue.rows(
        "SELECT key, version, actor, body FROM catalogue_log WHERE kind = 'phone' ORDER BY version, key"
    )


def test_offsets_are_learned_and_kept_as_configuration(venue, engine):
    walk(venue)

    # Six beacons are believed by 6 / 10.
    assert learned(venue, engine) == {"iphone17,1": 4.8, "sm-a166b": -7.2}
    assert documents(venue) == [
        (
            "iphone17,1",
            2,
            "phones",
            {"model": "iphone17,1", "offset_db": 4.8, "beacons": 6, "sightings": 240},
        ),
        ("sm-a166b", 2, "phones", {"model": "sm-a166b", "offset_db": -7.2, "beacons": 6, "sightings": 240}),
    ]
    known = places(engine)
    assert [known.phone_offset_db(model) for model, _ in MODELS.values()] == [0.0, 4.8, -7.2]


def test_what_did_not_change_makes_no_version(venue, engine):
    walk(venue)
    learned(venue, engine)

    assert learned(venue, engine) == {}
    assert len(documents(venue)) == 2


def test_one_phone_does_not_speak_for_its_model_all_day(venue, engine):
    walk(venue, pings=90)
    with transaction(engine) as connection:
        found = loudness(connection, places(engine), venue.clock.now())

    assert {one.count for one in found} == {MOST_OF_ONE_PHONE}


def test_too_few_pings_teach_nothing(venue, engine):
    walk(venue, pings=29)

    assert learned(venue, engine) == {}


def test_what_is_no_level_is_not_counted(venue, engine):
    walk(venue)
    venue.clock.advance(minutes=1)
    # +130 and the like: how phones say that they do not know.
    walk(venue, models={"anna": ("", 200)}, pings=10)
    with transaction(engine) as connection:
        found = loudness(connection, places(engine), venue.clock.now())

    assert {one.count for one in found} == {40}


def test_no_more_is_read_than_may_be(venue, engine, monkeypatch):
    walk(venue)
    monkeypatch.setattr("beacon_service.pings.phone_levels.MOST_BYTES", 1)
    with transaction(engine) as connection:
        assert loudness(connection, places(engine), venue.clock.now()) == []


def test_the_engine_knows_the_model_of_each_phone(venue, engine):
    keys = dict(venue.rows("SELECT id, key FROM installations"))
    with transaction(engine) as connection:
        (rows,) = round_trip(connection, [loading.find_installations(MODELS)])
        found = loading.presented(rows)
        now = venue.clock.now()
        loaded = loading.load(connection, found.values(), [], today=now.date(), ledger_since=now)

    models = {name: loaded.world.installations[key].model for name, key in keys.items()}
    assert models == {name: model for name, (model, _) in MODELS.items()}


def test_the_leader_learns_once_a_day_whoever_leads(venue, settings, clock):
    walk(venue)
    for _ in range(2):
        worker = Worker(settings, settings.database_url, clock)
        worker.learn_phones()
        worker.close()
    assert len(documents(venue)) == 2

    with venue.connect() as connection:
        connection.execute("DELETE FROM catalogue_log WHERE kind = 'phone'")
    clock.advance(hours=23)
    worker = Worker(settings, settings.database_url, clock)
    worker.learn_phones()
    assert documents(venue) == []
    clock.advance(hours=1)
    worker.learn_phones()
    worker.close()
    assert len(documents(venue)) == 2


def test_an_operator_may_learn_at_once(venue, settings, monkeypatch):
    walk(venue)
    monkeypatch.setattr("beacon_service.cli.SystemClock", lambda: venue.clock)
    environment = {"BEACON_DATABASE_URL": settings.database_url}
    first = CliRunner().invoke(main, ["phones", "learn"], env=environment)

    assert first.exit_code == 0, first.output
    assert first.stdout.splitlines() == [
        "iphone17,1: +0.0 -> +4.8 dB  (6 beacons, 240 sightings)",
        "sm-a166b: +0.0 -> -7.2 dB  (6 beacons, 240 sightings)",
    ]
    second = CliRunner().invoke(main, ["phones", "learn"], env=environment)
    assert (second.exit_code, second.stdout) == (0, "")
    assert second.stderr == "nothing changed by 2 dB or more\n"
