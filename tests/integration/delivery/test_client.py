"""Requests to other people's servers go to the address that was checked, and end in time."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
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


def test_nobody_there_is_told_in_a_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Unsent, match="cannot connect"):
            post(f"http://127.0.0.1:{free.getsockname()[1]}/")

    async def nowhere(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unsent, match=r"the name shop\.example cannot be resolved"):
        post("http://shop.example/", resolver=nowhere)


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
