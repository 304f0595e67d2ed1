"""Requests to other people's servers go to the address that was checked, and end in time."""

import asyncio
import socket
import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from ipaddress import ip_network

import pytest

from beacon_service.delivery.client import MOST_BYTES, Client, RefusedAddress, Unsent
from tests.factories.certificates import authority
from tests.factories.receiver import Receiver

LOCAL = [ip_network("127.0.0.0/8")]


@contextmanager
def receiving(**how):
    receiver = Receiver(**how)
    try:
        yield receiver
    finally:
        receiver.close()


def post(url, *, networks=LOCAL, times=1, **how):
    """The answers to so many requests by one client; or what was raised."""
    patience_s = how.pop("patience_s", 5.0)

    async def ask():
        client = Client(networks, **how)
        try:
            return [
                await client.post(url, {"x-one": "1"}, b"hello", patience_s=patience_s) for _ in range(times)
            ]
        finally:
            await client.close()

    return asyncio.run(ask())


def names(*answers):
    """A resolver that answers so, one after the other; and how often it was asked."""
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return [answers[min(len(asked), len(answers)) - 1]]

    return resolve, asked


def test_a_receiver_gets_the_body_and_answers():
    with receiving(usual=(201, {"Retry-After": "3"})) as receiver:
        receiver.body = b"thanks"
        (answer,) = post(receiver.url("/a?b=c"))
    assert (answer.status, answer.headers["retry-after"], answer.body) == (201, "3", b"thanks")
    (request,) = receiver.requests
    assert (request.path, request.body, request.headers["x-one"]) == ("/a?b=c", b"hello", "1")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1"]
)
def test_this_machine_is_refused_however_it_is_written(host):
    with receiving() as receiver, pytest.raises(Unsent):
        post(receiver.url(host=host), networks=())
    with receiving() as receiver, pytest.raises(Unsent):
        post(receiver.url(host=host, scheme="https"), networks=())
    assert receiver.requests == []


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "::ffff:10.0.0.1", "fd00:ec2::254"])
def test_a_name_that_leads_to_a_neighbour_is_refused(address):
    resolve, asked = names(address)
    with pytest.raises(RefusedAddress, match=r"shop\.example is refused"):
        post("https://shop.example/hook", networks=(), resolver=resolve)
    assert asked == ["shop.example"]


def test_a_name_that_changes_its_mind_gains_nothing():
    """DNS rebinding: what was checked is what is connected to, and the second answer is never asked for."""
    with receiving() as victim:
        resolve, asked = names("198.51.100.7", "127.0.0.1")
        with pytest.raises(Unsent):
            post(victim.url(host="shop.example"), networks=[ip_network("198.51.100.0/24")], resolver=resolve,
                 patience_s=0.5)  # fmt: skip
    assert asked == ["shop.example"]
    assert victim.requests == []


def test_a_name_with_a_second_address_next_door_is_refused_as_a_whole():
    async def resolve(host, port):
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(RefusedAddress):
        post("https://shop.example/", networks=(), resolver=resolve)


def test_without_https_only_allowed_networks_are_reached():
    resolve, _ = names("8.8.8.8")
    with pytest.raises(RefusedAddress, match="without https"):
        post("http://shop.example/", networks=LOCAL, resolver=resolve)


def test_a_redirect_is_an_answer_and_is_not_followed():
    with receiving() as elsewhere, receiving(usual=(302, {"Location": elsewhere.url()})) as receiver:
        (answer,) = post(receiver.url())
    assert answer.status == 302
    assert elsewhere.requests == []


def test_host_and_certificate_are_the_names_though_the_address_is_pinned(tmp_path):
    ours = authority(tmp_path)
    resolve, _ = names("127.0.0.1")
    with receiving(context=ours.context("shop.example")) as receiver:
        url = receiver.url(scheme="https", host="shop.example")
        (answer,) = post(url, ca_file=ours.ca_file, resolver=resolve)
    assert answer.status == 200
    assert receiver.requests[0].headers["host"] == f"shop.example:{receiver.port}"


def test_a_certificate_of_another_name_or_authority_is_not_believed(tmp_path):
    ours = authority(tmp_path)
    resolve, _ = names("127.0.0.1")
    with receiving(context=ours.context("other.example")) as receiver:
        url = receiver.url(scheme="https", host="shop.example")
        with pytest.raises(Unsent, match="cannot connect"):
            post(url, ca_file=ours.ca_file, resolver=resolve)
    with receiving(context=ours.context("shop.example")) as receiver:
        url = receiver.url(scheme="https", host="shop.example")
        with pytest.raises(Unsent, match="cannot connect"):
            post(url, resolver=resolve)
    assert receiver.requests == []


def test_a_slow_receiver_is_left_in_time():
    with receiving(slow_s=1.0) as receiver:
        begun = time.monotonic()
        with pytest.raises(Unsent, match=r"no answer within 0\.3 s"):
            post(receiver.url(), patience_s=0.3)
    assert time.monotonic() - begun < 3


def test_a_receiver_that_answers_a_byte_at_a_time_is_left_in_time():
    """Each byte comes soon after the last: only a bound on the whole ends it."""
    with dripping(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 10_000, pause_s=0.05) as port:
        begun = time.monotonic()
        with pytest.raises(Unsent):
            post(f"http://127.0.0.1:{port}/", patience_s=0.6)
        assert time.monotonic() - begun < 3


def test_of_a_large_answer_only_the_beginning_is_read():
    with receiving() as receiver:
        receiver.body = b"x" * 50_000_000
        (answer,) = post(receiver.url(), patience_s=5)
    assert len(answer.body) == MOST_BYTES


def test_an_answer_without_end_is_not_waited_for():
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000) as (
        url,
        connections,
    ):
        assert [len(one.body) for one in post(url, times=2)] == [MOST_BYTES] * 2
    assert len(connections) == 2


def test_nobody_there_is_told_in_a_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Unsent, match="cannot connect"):
            post(f"http://127.0.0.1:{free.getsockname()[1]}/")

    async def nowhere(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unsent, match=r"the name shop\.example cannot be resolved"):
        post("http://shop.example/", resolver=nowhere)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_connection_is_kept_and_its_name_looked_up_no_more():
    resolve, asked = names("127.0.0.1")
    with receiving() as receiver:
        post(receiver.url(host="shop.example"), resolver=resolve, times=3)
    assert len(receiver.requests) == 3
    assert asked == ["shop.example"]


def test_a_connection_is_not_kept_for_good(monkeypatch):
    """Else a name that leads elsewhere meanwhile would go unnoticed for as long as there is something to send."""
    monkeypatch.setattr("beacon_service.delivery.http1.KEEP_S", 0.0)
    resolve, asked = names("127.0.0.1")
    with receiving() as receiver:
        post(receiver.url(host="shop.example"), resolver=resolve, times=3)
    assert asked == ["shop.example"] * 3


def test_a_connection_serves_its_own_name_and_port_only():
    resolve, asked = names("127.0.0.1")
    with receiving() as receiver:

        async def ask():
            client = Client(LOCAL, resolver=resolve)
            for host in ("shop.example", "other.example", "shop.example"):
                await client.post(receiver.url(host=host), {}, b"hello")
            await client.close()

        asyncio.run(ask())
    assert asked == ["shop.example", "other.example"]
    hosts = [request.headers["host"].partition(":")[0] for request in receiver.requests]
    assert hosts == ["shop.example", "other.example", "shop.example"]


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK,
    ],
)
def test_an_answer_ends_where_it_says_or_with_the_connection(answer):
    with saying(answer, then_hang_up=True) as (url, _):
        assert [(one.status, one.body) for one in post(url)] == [(200, b"ok")]


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 20", b"ok\r\n\r\n", OK[:-1], b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000]
)
def test_half_an_answer_is_none(answer):
    with saying(answer, then_hang_up=True) as (url, _), pytest.raises(Unsent, match="the connection broke"):
        post(url)


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\nContent", b"\r\nConnection: close\r\nContent"),
        OK + b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["a farewell", "an answer that nobody asked for"],
)
def test_after_more_than_an_answer_the_connection_serves_no_other_request(answer):
    with saying(answer) as (url, connections):
        assert [one.status for one in post(url, times=3)] == [200] * 3
    assert len(connections) == 3


@pytest.mark.parametrize(
    "how",
    [{"later": b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"}, {"then_hang_up": True}],
    ids=["an answer that nobody asked for", "a farewell"],
)
def test_what_comes_between_two_requests_is_not_the_second_ones_answer(how):
    with saying(OK, **how) as (url, connections):

        async def ask():
            client = Client(LOCAL)
            for _ in range(2):
                answer = await client.post(url, {}, b"hello", patience_s=5)
                assert answer.status == 200
                await asyncio.sleep(0.2)
            await client.close()

        asyncio.run(ask())
    assert len(connections) == 2


@contextmanager
def saying(answer, *, then_hang_up=False, later=b""):
    """A server that says that to each request; its URL, and the connections that it took."""
    taken = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            taken.append(self.client_address)
            with suppress(OSError):
                while head := self.heard():
                    self.rfile.read(int(head["content-length"]))
                    self.wfile.write(answer)
                    if later:
                        time.sleep(0.05)
                        self.wfile.write(later)
                    if then_hang_up:
                        return

        def heard(self):
            lines = iter(self.rfile.readline, b"\r\n")
            if not next(lines, b""):
                return None
            return dict(line.decode().lower().strip().split(": ", 1) for line in lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", taken
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def dripping(answer, *, pause_s):
    """A server that sends its answer byte by byte; yields its port."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                for byte in answer:
                    if ended.wait(pause_s):
                        return
                    try:
                        connection.send(bytes([byte]))
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            thread.join()
