"""A replay that is stopped says where it was, and goes on without a ping lost or told as another one."""

import asyncio
import os
import signal
import stat
import time
from datetime import datetime

import pytest

from simulators import client as patience
from simulators.replaying.resuming import ResumeError
from simulators.replaying.summary import faults_of
from simulators.traces.files import write_trace
from simulators.traces.model import Header
from tests.factories.played import (
    at,
    bought,
    customer,
    identified,
    order,
    played,
    registered,
    report,
    response,
    trace,
)
from tests.factories.small_service import HANGS_UP, SmallService

LINES = [
    customer("c"),
    *(registered(name) for name in ("anna", "bob")),
    response("anna", view=1, delay_s=30),
    identified("anna", "c", 0.5),
    *(report(1 + number / 2, name=name) for number in range(40) for name in ("anna", "bob")),
    bought("c", 15, event_id="order"),
]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def service():
    with SmallService() as one:
        yield one


async def interrupted(task, when):
    """As SIGTERM does it, through the handler that the replay set."""
    while not when():  # noqa: ASYNC110 - the service's thread knows of no loop
        await asyncio.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait([task])


def stopped(order, service, *, after):
    """When so many requests of pings more have come."""
    before = len(service.sent())
    return played(order, lambda task: interrupted(task, lambda: len(service.sent()) >= before + after))


def every_ping(service):
    """Each (phone, ping) with all the contents that it was told with."""
    told = {}
    for body in service.sent():
        for ping in body["pings"]:
            told.setdefault((body["installation_id"], ping["ping_id"]), []).append(ping)
    return told


def test_a_stopped_replay_goes_on_and_nothing_is_lost_or_told_as_another(service, tmp_path):
    path = trace(tmp_path / "a.jsonl", *LINES)
    offered = {"decision_id": "d1", "installation_id": "run-anna", "campaign": "c", "offer": {"title": "t"}}
    service.offers_to["run-anna"] = [offered]
    first = stopped(order(path, service.url, speed=10.0), service, after=10)
    assert (first.ended, first.kept, first.fault) == (False, path.with_suffix(".resume"), "")
    assert 0 < first.record.judged < 80
    assert stat.S_IMODE(first.kept.stat().st_mode) == 0o600
    again = played(order(path, "http://127.0.0.1:1", speed=10.0, run="another", resumes=first.kept))
    assert (again.ended, faults_of(again.record)) == (True, [])
    assert (again.record.planned, again.record.verdicts) == (80, {"accepted": 80})
    told = every_ping(service)
    assert len(told) == 80
    assert all(len(each) == 1 for each in told.values())
    assert len([each for each in service.requests if each.method == "PUT"]) == 3
    assert len(service.sent("/v1/customers/run-c/events")) == 1
    assert [body["type"] for body in service.sent("/v1/outcomes")] == ["delivered", "viewed"]


def test_times_go_on_from_now(service, tmp_path):
    path = trace(tmp_path / "a.jsonl", *LINES)
    first = stopped(order(path, service.url, speed=10.0), service, after=10)
    time.sleep(1.0)
    began = time.time()
    played(order(path, service.url, resumes=first.kept))
    last = [datetime.fromisoformat(body["pings"][-1]["at"]).timestamp() for body in service.sent()]
    assert not [moment for moment in last if began - 0.9 < moment < began - 0.1]
    assert max(last) > began


def test_what_found_no_answer_is_sent_again_as_it_was(service, tmp_path):
    path = trace(tmp_path / "a.jsonl", registered(), report(0), report(0.1), report(30))
    service.failing = [HANGS_UP] * 1000  # takes the pings, and says nothing
    both = order(path, service.url, speed=1.0)
    first = played(both, lambda task: interrupted(task, lambda: len(every_ping(service)) == 2))
    assert first.record.judged == 0
    service.failing = []
    again = stopped(order(path, service.url, speed=1.0, resumes=first.kept), service, after=1)
    told = every_ping(service)
    assert all(one == each[0] for each in told.values() for one in each)
    assert again.record.verdicts.get("rejected") is None
    assert again.record.verdicts["duplicate"] == 2


def test_stopped_in_the_middle_of_outage_in_real_time_it_ends_at_once(tmp_path):
    with SmallService(lambda _asked: (503, {"Retry-After": "60"}, {})) as service:
        path = trace(tmp_path / "a.jsonl", registered(), report(1), report(600))
        began = time.monotonic()
        outcome = played(
            order(path, service.url), lambda task: interrupted(task, lambda: bool(service.requests))
        )
        assert time.monotonic() - began < 30  # not the minute that it was asked to wait
        assert not outcome.ended


def test_what_is_out_when_it_is_stopped_is_waited_for(tmp_path):
    def answer(asked):
        if asked.path == "/v1/pings":
            time.sleep(1.0)
        return service.usual(asked)

    with SmallService(answer) as service:
        path = trace(tmp_path / "a.jsonl", registered(), report(0), report(600))
        outcome = stopped(order(path, service.url, speed=1.0), service, after=1)
        assert (outcome.record.verdicts, outcome.place.line) == ({"accepted": 1}, 3)


def test_a_file_of_another_trace_or_of_none_is_refused(service, tmp_path):
    path = trace(tmp_path / "a.jsonl", *LINES)
    first = stopped(order(path, service.url, speed=10.0), service, after=1)
    other = tmp_path / "b.jsonl"
    write_trace(other, Header(made_by="another test", begins_at=at(0)), [])
    with pytest.raises(ResumeError, match="another trace"):
        played(order(other, service.url, resumes=first.kept))
    for text in ("", "{}\n", "PK\x03"):
        broken = tmp_path / "broken"
        broken.write_text(text)
        with pytest.raises(ResumeError, match="no file of a replay"):
            played(order(path, service.url, resumes=broken))
    whole = first.kept.read_text()
    broken.write_text(whole + '{"kind":"phone"}\n')
    with pytest.raises(ResumeError, match="line"):
        played(order(path, service.url, resumes=broken))


def test_a_trace_that_was_changed_meanwhile_is_not_played_on(service, tmp_path):
    path = trace(tmp_path / "a.jsonl", *LINES)
    first = stopped(order(path, service.url, speed=10.0), service, after=10)
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[3:10]
    path.write_bytes(b"".join(lines))
    outcome = played(order(path, service.url, resumes=first.kept))
    assert "another than the one at which the replay was stopped" in outcome.fault
