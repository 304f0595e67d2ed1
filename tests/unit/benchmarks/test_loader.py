"""The loader against a server that stalls: what a schedule must show, and what a closed loop does not."""

import socket
import statistics
import threading
import time
from contextlib import contextmanager

import pytest

from benchmarks.loader import Lane, drive, keep_time
from benchmarks.open_loop import Due, send_when_due
from benchmarks.wire import post

REQUEST = post("/pings", {}, b"{}")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
STALL_S = 0.5


@contextmanager
def server(*, stall_at=None, alone=False):
    """Answers each request at once; but the one of this number after the stall, and with it all others or it alone."""
    seen, turn, links = [0], threading.Lock(), []

    def serve(link):
        with link:
            while link.recv(1 << 16):
                with turn:
                    seen[0] += 1
                    stalls = seen[0] == stall_at
                    if stalls and not alone:
                        time.sleep(STALL_S)
                if stalls and alone:
                    time.sleep(STALL_S)
                link.sendall(ANSWER)

    def accept(listener):
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            links.append(threading.Thread(target=serve, args=[link]))
            links[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, args=[listener])
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for link in links:
                link.join()


def lanes(count, requests):
    return [Lane([REQUEST] * requests) for _ in range(count)]


def quantile(found, percent):
    latencies = [ms for lane in found for ms in lane.latencies_ms]
    return statistics.quantiles(latencies, n=100, method="inclusive")[percent - 1]


def test_on_a_schedule_a_stall_shows_with_all_that_it_held_up():
    # 400 a second for 2 s, of which the server is away for half a second: a quarter was held up, 250 ms on average.
    found = lanes(8, 100)
    with server(stall_at=200) as port:
        keep_time(port, found, rate=400)
    assert quantile(found, 99) > 1000 * STALL_S * 0.9
    assert quantile(found, 85) > 1000 * STALL_S * 0.3


def test_a_closed_loop_hides_most_of_the_same_stall():
    found = lanes(8, 1000)
    with server(stall_at=200) as port:
        drive(port, found, seconds=2.0)
    assert max(ms for lane in found for ms in lane.latencies_ms) >= 1000 * STALL_S * 0.9
    assert quantile(found, 99) < 1000 * STALL_S * 0.3


def test_a_schedule_is_kept_however_quickly_the_answers_come():
    found = lanes(4, 50)
    with server() as port:
        taken_s = keep_time(port, found, rate=200)
    assert 0.99 <= taken_s < 2
    assert [len(lane.answers) for lane in found] == [50] * 4
    assert statistics.median(ms for lane in found for ms in lane.late_ms) < 20


def test_what_a_connection_still_waits_for_is_not_held_against_the_loader():
    found = lanes(1, 20)
    with server(stall_at=1) as port:
        keep_time(port, found, rate=100)
    assert len(found[0].latencies_ms) == 20
    assert max(found[0].late_ms) < 1000 * STALL_S / 2


def test_a_round_ends_with_the_first_connection_that_has_nothing_left_to_send():
    found = [Lane([REQUEST] * 3), Lane([REQUEST] * 1_000_000)]
    with server() as port:
        assert drive(port, found, seconds=5.0) < 3
    assert len(found[0].answers) == 3


def test_all_of_them_means_all_of_them():
    found = [Lane([REQUEST] * 3), Lane([REQUEST] * 300)]
    with server() as port:
        drive(port, found, seconds=5.0, all_of_them=True)
    assert [len(lane.answers) for lane in found] == [3, 300]


def test_a_server_that_goes_away_ends_the_run_with_a_word():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            link, _ = listener.accept()
            link.recv(1 << 16)
            link.close()

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        with pytest.raises(ConnectionError, match="closed a connection"):
            drive(listener.getsockname()[1], lanes(1, 1), seconds=1.0)
        hanging_up.join()


def test_in_a_line_of_several_connections_those_that_are_free_take_what_is_due():
    found = []
    schedule = [
        Due(n / 100, 0, REQUEST, lambda heard, late_ms: found.append((heard, late_ms))) for n in range(20)
    ]
    with server(stall_at=1, alone=True) as port:
        send_when_due(port, schedule, [2])
    assert sorted(heard.latency_ms >= 1000 * STALL_S * 0.9 for heard, _ in found) == [False] * 19 + [True]
    assert found[-1][0].latency_ms >= 1000 * STALL_S * 0.9


def test_a_schedule_is_asked_for_a_request_only_when_the_one_before_it_is_due():
    asked_at_s = []

    def schedule():
        for n in range(3):
            asked_at_s.append(time.perf_counter() - began)
            yield Due(0.2 * n, 0, REQUEST, lambda heard, late_ms: None)

    with server() as port:
        began = time.perf_counter()
        send_when_due(port, schedule(), [1])
    assert asked_at_s[2] >= 0.2


def test_a_server_that_says_nothing_ends_the_run_with_a_word():
    due = Due(0.0, 0, REQUEST, lambda heard, late_ms: None)
    began = time.perf_counter()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(TimeoutError, match="no answer within"),
    ):
        send_when_due(listener.getsockname()[1], [due], [1], patience_s=0.2)
    assert time.perf_counter() - began < 3
