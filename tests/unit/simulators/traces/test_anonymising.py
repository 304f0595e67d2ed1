"""A trace that names nobody, and still is one."""

import re
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from simulators.cli import main
from simulators.traces.editing.anonymising import Anonymiser
from simulators.traces.files import open_truth, write_trace, write_truth
from simulators.traces.model import (
    CustomerConsents,
    CustomerTold,
    Identified,
    Note,
    OutcomeTold,
    Registered,
    TruthHeader,
)
from tests.unit.simulators.traces.edits import (
    answers,
    event,
    moment,
    read,
    run,
)
from tests.unit.simulators.traces.lines import at, header, ping, registered, report

KEY = "a key that nobody guesses"


POSITION = {"latitude": 52.370216, "longitude": 4.895168, "accuracy_m": 8.0, "street": "Damrak 1"}
SECRETS = (
    "jane",
    "Damrak",
    "birthday",
    "gold",
    "nl-NL",
    "17.6",
    "secret-note",
    "sku name",
    "dec-1",
    "ping-1",
    "diary",
)


def private():
    return [
        registered("jane-phone", locale="nl-NL", os_version="17.6.1", model="Pixel 8", time_zone="Europe/Amsterdam"),
        CustomerTold(
            at=at(0), customer_id="jane@".replace("@", ".doe"), attributes={"tier": "gold", "birthday": "1990-05-17", "size": 38},
            consents=CustomerConsents(True),
        ),
        Identified(at=at(0), installation_id="jane-phone", customer_id="jane.doe"),
        answers("jane-phone"),
        report(
            "jane-phone", 5, sent_at=at(35),
            pings=[ping(1, 35, rssi=(-60,), position=POSITION, diary="dear diary") | {"ping_id": "ping-1", "foreground": True}],
            recorded={"state": "secret-note"},
        ),
        event(
            "jane.doe", 6, event_id="jane-1", amount=12.5, currency="EUR", decision_id="6f4c1b52-0000-4000-8000-000000000001",
            items=[{"id": "sku-1", "name": "sku name", "quantity": 2}], remark="secret-note",
        ),
        OutcomeTold(at=at(7), installation_id="jane-phone", decision_id="6f4c1b52-0000-4000-8000-000000000001", type="clicked"),
        Note(at=at(8), text="secret-note"),
    ]  # fmt: skip


@pytest.fixture
def diary(tmp_path):
    path = tmp_path / "diary.jsonl"
    write_trace(path, header(note="secret-note", made_by="jane", sites=("hall",)), private())
    state = b'{"kind":"state","at":"2026-11-02T10:00:09Z","who":"jane"}\n'
    path.write_bytes(path.read_bytes() + state)
    write_truth(tmp_path / "diary.truth.jsonl", TruthHeader(trace="diary.jsonl"), [moment("jane-phone", 1)])
    return path


def anonymised(diary, *options):
    out = diary.parent / "nobody.jsonl"
    done = run("anonymise", diary, "-o", out, "--key", KEY, *options)
    assert done.exit_code == 0, done.output
    return out, done.stderr


def test_nothing_that_names_somebody_is_left(diary):
    out, told = anonymised(diary)
    text = out.read_text() + Path(str(out).replace(".jsonl", ".truth.jsonl")).read_text() + told
    assert [secret for secret in SECRETS if secret in text] == []
    assert KEY not in text
    for what in ("dropped: 3 attributes", "dropped: 1 lines of kind state", "dropped: 1 notes"):
        assert what in told


def test_what_a_simulation_needs_is_left(diary):
    out, _ = anonymised(diary, "--keep", "tier")
    told, lines = read(out)
    phone, person, link, response, sent, bought, outcome = lines
    assert (phone.platform, phone.model, phone.time_zone, phone.consents.location) == (
        "android", "Pixel 8", "Europe/Amsterdam", True,
    )  # fmt: skip
    assert person.attributes == {"tier": "gold"}
    assert {phone.installation_id, link.installation_id, response.installation_id, sent.installation_id} == {
        outcome.installation_id
    }
    assert link.customer_id == person.customer_id == bought.customer_id != phone.installation_id
    assert response.view == 0.5
    assert (sent.sent_at, sent.pings[0]["foreground"], sent.pings[0]["sightings"][0]["rssi"]) == (
        at(35),
        True,
        -60,
    )
    assert sent.pings[0]["position"] == {"latitude": 52.370216, "longitude": 4.895168, "accuracy_m": 8.0}
    assert (bought.event["type"], bought.event["amount"], bought.event["items"]) == (
        "purchase",
        12.5,
        [{"id": "sku-1", "quantity": 2}],
    )
    assert bought.event["decision_id"] == outcome.decision_id
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", outcome.decision_id
    )
    assert told.sites == ("hall",)


def test_a_key_gives_the_same_names_again_and_another_key_others(diary):
    first, again = (anonymised(diary)[0].read_bytes() for _ in range(2))
    run("anonymise", diary, "-o", diary.parent / "other.jsonl", "--key", KEY + "!")
    other = (diary.parent / "other.jsonl").read_bytes()
    names = [
        set(re.findall(rb'"(?:installation|customer|ping)_id":"([^"]+)"', told)) for told in (first, other)
    ]
    assert first == again
    assert not names[0] & names[1]


def test_a_ping_sent_again_stays_the_same_ping(tmp_path):
    again = report("a", 1, pings=[ping(1, 0, rssi=(-60,))])
    lines = [
        report("a", 0, pings=[ping(1, 0, rssi=(-60,))]),
        again,
        report("b", 1, pings=[ping(1, 0, rssi=(-60,))]),
    ]
    one, two, others = (line.pings[0] for line in Anonymiser(b"k" * 16).lines(lines))
    assert one == two
    assert others["ping_id"] != one["ping_id"]


def test_times_move_by_whole_days_all_of_them(diary):
    out, _ = anonymised(diary, "--shift-days", "-70")
    told, lines = read(out)
    assert (str(told.begins_at), str(lines[-1].at)) == (
        "2026-08-24 10:00:00+00:00",
        "2026-08-24 10:00:07+00:00",
    )
    sent, bought = lines[4], lines[5]
    assert str(sent.sent_at) == "2026-08-24 10:00:35+00:00"
    assert sent.pings[0]["at"] == "2026-08-24T10:00:35Z"
    assert datetime.fromisoformat(bought.event["at"]) == datetime.fromisoformat("2026-08-24T10:00:06Z")
    _, truth = open_truth(diary.parent / "nobody.truth.jsonl")
    assert str(next(truth).at) == "2026-08-24 10:00:01+00:00"


def test_days_that_lead_out_of_time_are_refused(diary):
    done = run("anonymise", diary, "-o", diary.parent / "x.jsonl", "--key", KEY, "--shift-days", "-30000")
    assert "the trace would leave the years 1970 to 2200" in done.stderr


@given(st.floats(-180, 180), st.floats(-89, 89), st.sampled_from([10.0, 250.0, 5000.0]))
def test_a_coarse_position_is_one_of_its_square_and_near_the_true_one(longitude, latitude, grid_m):
    to = Anonymiser(b"k" * 16, grid_m=grid_m)
    (sent,) = to.lines(
        [report(pings=[{"position": {"longitude": longitude, "latitude": latitude, "accuracy_m": 1}}])]
    )
    told = sent.pings[0]["position"]
    step = grid_m / 111_320
    assert abs(told["latitude"] - latitude) <= step / 2 + 1e-6
    assert told["accuracy_m"] == grid_m
    (again,) = to.lines([report(pings=[{"position": told}])])
    assert again.pings[0]["position"] == told


def test_a_key_that_is_guessed_is_refused_and_one_may_come_from_the_environment(diary):
    out = diary.parent / "x.jsonl"
    assert "a key has 16 to 64 bytes" in run("anonymise", diary, "-o", out, "--key", "short").stderr
    done = CliRunner().invoke(main, ["anonymise", str(diary), "-o", str(out)], env={"BEACON_SIM_KEY": KEY})
    assert done.exit_code == 0


def test_pings_that_are_none_break_nothing(tmp_path):
    odd = [
        {},
        {
            "ping_id": 5,
            "at": 7,
            "sightings": [1, {"at": None, "uuid": "a sentence of words", "rssi": -60}],
            "position": [],
        },
    ]
    (sent,) = Anonymiser(b"k" * 16).lines([report(pings=odd)])
    assert sent.pings[1] | {"ping_id": ""} == {
        "ping_id": "",
        "at": "",
        "sightings": [{"rssi": -60, "at": ""}],
    }
    assert msgspec.json.encode(sent)


def test_registered_is_what_a_registration_is():
    (told,) = Anonymiser(b"k" * 16).lines([registered(platform="my own phone")])
    assert isinstance(told, Registered)
    assert told.platform == "unknown"
