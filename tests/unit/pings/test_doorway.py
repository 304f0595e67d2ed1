"""Who comes in to a web process: threads are shared out, refusals cost nothing and say when to come back."""

import io
import json
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from beacon_service.errors import Overloaded
from beacon_service.pings import doorway
from beacon_service.pings.doorway import Doorway, Shares, waited_s
from beacon_service.pings.load_meters import LoadMeters

NOW_S = 1_780_488_000.0


class Queue:
    """A queue that refuses what it is told to."""

    delay_s, longest_s, reason = 0.1, 2.0, None

    def __init__(self):
        self.refused = []

    def refusal(self):
        return self.reason

    def refuse(self, reason):
        self.refused.append(reason)
        return Overloaded(retry_after_s=7)


class Inside:
    """The application: each request stays in it until the next one has been asked."""

    def __init__(self):
        self.paths, self.then = [], None

    def __call__(self, environ, start_response):
        self.paths.append(environ["PATH_INFO"])
        if self.then is not None:
            self.then()
        start_response("200 OK", [])
        return [b"inside"]


@pytest.fixture
def place():
    registry = CollectorRegistry()
    counted = []
    metrics = SimpleNamespace(registry=registry, count=lambda *labels: counted.append(labels[:3]))
    queue, inside = Queue(), Inside()
    meters = LoadMeters(metrics, delay_s=lambda: 0.0, waiting=lambda: 0)
    shares = Shares(pings=2, others=2, all=3)
    door = Doorway(inside, queue, meters, shares=shares, believes_proxies=True)
    return SimpleNamespace(
        door=door,
        queue=queue,
        inside=inside,
        counted=counted,
        text=lambda: generate_latest(registry).decode(),
    )


def asked(place, path="/v1/pings", body=b"{}", **extra):
    """Status, headers and body of the answer."""
    told = {}

    def start_response(status, headers, exc_info=None):
        told.update(status=int(status.split()[0]), headers=dict(headers))

    body_in = io.BytesIO(body)
    environ = {
        "PATH_INFO": path,
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": body_in,
    }
    answer = b"".join(place.door({**environ, **extra}, start_response))
    return SimpleNamespace(**told, body=answer, unread=body_in.read())


def test_threads_are_shared_out_with_some_left_to_each_sort_and_some_for_refusing():
    assert Shares.of(128) == (88, 64, 120)
    assert Shares.of(8) == (5, 4, 7)
    assert Shares.of(2) == (2, 2, 2)


def test_what_the_queue_takes_comes_in(place):
    assert asked(place).body == b"inside"
    assert place.queue.refused == []


def test_what_the_queue_refuses_is_told_when_to_come_back_and_goes_no_further(place):
    place.queue.reason = "standing"
    answer = asked(place)
    assert place.inside.paths == []
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert (problem["code"], problem["status"]) == ("overloaded", 503)
    assert problem["request_id"] == answer.headers["Request-Id"]
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert place.queue.refused == ["standing"]
    assert place.counted == [("POST", "/v1/pings", 503)]


def test_the_body_of_what_is_refused_is_read_so_that_the_connection_stays_good(place):
    place.queue.reason = "standing"
    assert asked(place, body=b"x" * 1000).unread == b""


def test_a_large_body_is_let_in_to_be_read_and_refused_there(place):
    place.queue.reason = "standing"
    assert asked(place, body=b"x" * (doorway.SMALL_BODY_BYTES + 1)).body == b"inside"


def all_at_once(place, *paths):
    """What each is answered that comes while those before it are still inside."""
    left, statuses = list(paths), []

    def come():
        if left:
            path = left.pop(0)
            answer = asked(place, path=path)
            statuses.append((path, answer.status))
            if answer.status != 200:
                come()

    place.inside.then = come
    come()
    place.inside.then = None
    return sorted(statuses)


def test_pings_find_no_more_threads_than_their_share(place):
    answers = all_at_once(place, "/v1/pings", "/v1/pings", "/v1/pings", "/v1/outcomes")
    assert answers == [("/v1/outcomes", 200), ("/v1/pings", 200), ("/v1/pings", 200), ("/v1/pings", 503)]
    assert place.queue.refused == ["full"]


def test_all_else_has_a_share_of_its_own(place):
    answers = all_at_once(place, "/v1/outcomes", "/v1/sites", "/v1/customers", "/v1/pings")
    assert answers == [("/v1/customers", 503), ("/v1/outcomes", 200), ("/v1/pings", 200), ("/v1/sites", 200)]
    assert 'beacon_requests_refused_total{reason="full",what="others"} 1.0' in place.text()


def test_some_threads_are_nobody_s_so_that_there_is_one_to_refuse_with(place):
    answers = all_at_once(place, "/v1/pings", "/v1/pings", "/v1/outcomes", "/v1/sites")
    assert answers == [("/v1/outcomes", 200), ("/v1/pings", 200), ("/v1/pings", 200), ("/v1/sites", 503)]


def test_what_is_no_ping_is_refused_in_the_same_words(place):
    place.door._others = 2
    answer = asked(place, path="/v1/outcomes")
    assert json.loads(answer.body)["code"] == "overloaded"
    assert int(answer.headers["Retry-After"]) in {1, 2}


def test_after_they_have_left_all_may_come_in_again(place):
    place.inside.then = lambda: asked(place)
    asked(place)
    place.inside.then = None
    assert [asked(place).status for _ in range(3)] == [200] * 3


def test_who_breaks_inside_gives_the_thread_back(place):
    def fails():
        raise OSError("gone")

    place.inside.then = fails
    for _ in range(5):
        with pytest.raises(OSError, match="gone"):
            asked(place)
    place.inside.then = None
    assert asked(place).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_answered_whatever_there_is_to_do(place, path):
    place.queue.reason = "full"
    answers = []

    def then():
        place.inside.then = None
        answers.append(asked(place, path=path).status)

    place.door._pings = place.door._others = 99
    place.inside.then = then
    assert asked(place, path=path).status == 200
    assert answers == [200]


def test_what_waited_before_the_doorway_is_refused_where_a_proxy_says_so(place, monkeypatch):
    monkeypatch.setattr(doorway.time, "time", lambda: NOW_S)
    assert asked(place, HTTP_X_REQUEST_START=f"t={NOW_S - 1.9}").status == 200
    assert asked(place, HTTP_X_REQUEST_START=f"t={NOW_S - 2.1}").status == 503
    assert place.queue.refused == ["waited"]


def test_without_a_trusted_proxy_anybody_may_say_anything(place, monkeypatch):
    monkeypatch.setattr(doorway.time, "time", lambda: NOW_S)
    place.door.refusals._believes_proxies = False
    assert asked(place, HTTP_X_REQUEST_START=f"t={NOW_S - 100}").status == 200


@pytest.mark.parametrize(
    ("told", "waited"),
    [
        ("t=1780487998.500", 1.5),
        ("1780487998.5", 1.5),
        ("1780487998500", 1.5),
        ("t=1780487998500000", 1.5),
        ("t=1780488001", 0.0),  # the proxy's clock is ahead
        ("t=1", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_proxies_write_the_time_in_several_ways(told, waited):
    assert waited_s(told, NOW_S) == pytest.approx(waited)
