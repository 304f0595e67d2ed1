"""`beacon-sim replay` against the service as an operator runs it: who walked yesterday walks again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.walks import STREET
from tests.factories.played import (
    bought,
    customer,
    identified,
    ping,
    registered,
    report,
    response,
    trace,
)
from tests.torture.world import SITE, ZONES, campaign, middle_of

COMMAND = Path(sys.executable).with_name("beacon-sim")
PHONES = 6
INSIDE_S, OUTSIDE_S = 4, 3


def walk(name, zone, begins_s=0.0):
    """Into a zone, for some seconds, and out into the street."""
    places = [middle_of(zone)] * INSIDE_S + [STREET] * OUTSIDE_S
    for number, (longitude, latitude) in enumerate(places):
        seconds = begins_s + 1.0 + number
        at_place = {"longitude": longitude, "latitude": latitude, "accuracy_m": 3.0}
        one = ping(f"{number}", seconds, sightings=[], position=at_place)
        yield report(seconds, one, name=name)


def day():
    """Each into a zone of their own; all take what they are offered, and the first is a known customer."""
    yield customer("anna", loyalty="gold")
    yield bought("anna", 0.5, event_id="order-1", amount=12.5, currency="EUR")
    for number in range(PHONES):
        name = f"phone-{number}"
        yield registered(name)
        yield response(name, view=1, click=1, redeem=1, buy_if_offered=1)
        yield from walk(name, 2 * number)
    yield identified("phone-0", "anna", 0.6)
    yield identified("phone-1", "bert", 0.6)


@pytest.fixture
def path(tmp_path):
    return trace(tmp_path / "day.jsonl", *day())


@pytest.fixture
def welcome(place):
    """Whoever enters a zone, but for the last one that is entered, is offered a code of their own."""
    offer = {"id": "offer", "title": "Welcome", "body": "For you: {{ offer.code }}", "expires_after_s": 600}
    offer |= {"codes": {"generated": {"prefix": "W-", "length": 12}}}
    body = campaign("entered", ZONES[: 2 * PHONES - 3], priority=1, expires_after_s=600)
    place.campaign("welcome", body | {"offers": [offer]})


def command(place, path, *more, **options):
    keys = ["--publishable-key", place.keys.publishable, "--secret-key", place.keys.secret]
    named = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    url = ["--url", place.service.address]
    return [COMMAND, "replay", path, *keys, *url, *named, *more, "--json"]


def replayed(place, path, *more, **options):
    """(exit status, the line of JSON, what was said)"""
    done = subprocess.run(
        command(place, path, *more, **options),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=path.parent,
    )
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else {}, done.stderr


def pings_of(place, run):
    return place.rows(
        "SELECT i.id, p.ping_id FROM pings p JOIN installations i ON i.key = p.installation_key"
        " WHERE starts_with(i.id, %s)",
        f"{run}-",
    )


def test_everybody_is_where_they_were_and_gets_what_there_is_for_them(place, path, welcome):
    status, told, said = replayed(place, path, **{"as": "first"})
    assert (status, told["faults"]) == (0, []), said
    planned = PHONES * (INSIDE_S + OUTSIDE_S)
    assert (told["pings"], told["accepted"], told["rejected"]) == (planned, planned, {})
    assert len(pings_of(place, "first")) == planned
    assert told["moves"]["entered"] == told["moves"]["exited"] == PHONES
    wine = told["campaigns"]["welcome"]
    assert wine == {
        "title": "Welcome", "offers": PHONES - 1, "delivered": PHONES - 1, "viewed": PHONES - 1,
        "clicked": PHONES - 1, "redeemed": PHONES - 1, "purchases": 2,
    }  # fmt: skip
    outcomes = place.rows(
        "SELECT o.type, count(*) FROM outcomes o JOIN decisions d USING (decision_id)"
        " JOIN installations i ON i.key = d.installation_key WHERE starts_with(i.id, 'first-') GROUP BY 1"
    )
    assert dict(outcomes) == dict.fromkeys(("delivered", "viewed", "clicked", "redeemed"), PHONES - 1)
    bought_ids = {row[0] for row in place.rows("SELECT event_id FROM events")}
    assert {"first-order-1", "first-phone-0-visit-1", "first-phone-1-visit-1"} <= bought_ids
    ((owner,),) = place.rows(
        "SELECT c.id FROM installations i JOIN customers c ON c.key = i.customer_key WHERE i.id = 'first-phone-0'"
    )
    assert owner == "first-anna"


def test_what_came_once_is_expected_and_what_a_campaign_does_otherwise_is_found(place, path, welcome):
    expected = path.with_name("expected.json")
    status, _, said = replayed(place, path, write_expect=expected, **{"as": "written"})
    assert status == 0, said
    named = json.loads(expected.read_text())["installations"]["phone-1"]
    assert [(event["type"], event["zone"]) for event in named["events"]] == [
        ("entered", f"{SITE}/z02"), ("exited", f"{SITE}/z02"),
    ]  # fmt: skip
    assert [one["campaign"] for one in named["decisions"]] == ["welcome"]

    status, told, said = replayed(place, path, expect=expected, **{"as": "again"})
    assert (status, told["differences"]) == (0, []), said

    place.campaign("welcome", campaign("exited", [ZONES[2]], priority=1, expires_after_s=600))
    status, told, said = replayed(place, path, expect=expected, **{"as": "changed"})
    assert status == 1
    assert "phone-0, decisions: 1 expected, 0 came" in said
    assert "phone-1, decisions: 1 expected, 1 came" in said
    assert 'offer of welcome "Welcome": expected, and did not come' in said
    assert f"phone-{PHONES - 1}" not in said  # who was offered nothing before is not offered anything now


def test_stopped_and_gone_on_each_ping_is_stored_once(place, path, welcome):
    running = subprocess.Popen(
        command(place, path, **{"as": "halves"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=path.parent,
    )
    deadline = time.monotonic() + 60
    while len(pings_of(place, "halves")) < PHONES and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGTERM)
    out, _ = running.communicate(timeout=60)
    told = json.loads(out.splitlines()[-1])
    assert (running.returncode, told["ended"]) == (3, False)
    planned = PHONES * (INSIDE_S + OUTSIDE_S)
    assert told["verdicts"] < planned

    status, told, said = replayed(place, path, resume=path.with_name("day.jsonl.resume"))
    assert (status, told["accepted"]) == (0, planned), said
    stored = pings_of(place, "halves")
    assert len(stored) == len(set(stored)) == planned
    assert told["campaigns"]["welcome"]["offers"] == PHONES - 1


def test_a_gateway_brings_the_same(place, path, welcome):
    status, told, said = replayed(place, path, "--batch", **{"as": "gateway"})
    assert status == 0, said
    assert told["accepted"] == PHONES * (INSIDE_S + OUTSIDE_S)
    assert told["campaigns"]["welcome"]["redeemed"] == PHONES - 1


def test_as_fast_as_it_takes_with_times_kept_the_moves_are_those_of_that_day(place, path, welcome):
    expected = path.with_name("moves.json")
    moves = {
        f"phone-{number}": {
            "events": [
                {"type": "entered", "zone": f"{SITE}/{ZONES[2 * number]}", "at_s": 1},
                {"type": "exited", "zone": f"{SITE}/{ZONES[2 * number]}", "at_s": 1 + INSIDE_S},
            ]
        }
        for number in range(PHONES)
    }
    body = {"format": "beacon-expectations", "version": 1, "tolerance_s": 2, "installations": moves}
    expected.write_text(json.dumps(body))
    status, told, said = replayed(place, path, expect=expected, speed="max", times="kept", **{"as": "kept"})
    assert (status, told["differences"]) == (0, []), said
    moves["phone-3"]["events"][1]["at_s"] += 20
    expected.write_text(json.dumps(body))
    status, told, said = replayed(place, path, expect=expected, speed="max", times="kept", **{"as": "late"})
    assert status == 1
    assert "was expected at 25.0 s" in said
