"""Connections: kept for the next request, bounded in number and in time, whatever the server does."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from simulators.wire import Connections, WireError, origin_of


@contextmanager
def server(*conversations):
    """Each connection in turn is given to the next of these; they hear bytes and say bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            for talk in conversations:
                connection, _ = listening.accept()
                with connection:
                    talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def saying(*answers):
    """Hears a request and says an answer, for each of them; then hangs up."""

    def talk(connection):
        for answer in answers:
            heard = connection.recv(65536)
            if not heard:
                return
            for part in [answer] if isinstance(answer, bytes) else answer:
                connection.sendall(part)
                time.sleep(0.01)

    return talk


def asked(url, times=1, **how):
    async def everything():
        connections = Connections(url, **how)
        try:
            return [await connections.request("GET", "/x", {}, b"") for _ in range(times)]
        finally:
            await connections.close()

    return asyncio.run(everything())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_one_connection_carries_requests_one_after_the_other():
    with server(saying(OK, OK, OK)) as url:
        assert [heard.body for heard in asked(url, 3)] == [b"ok"] * 3


def test_an_answer_may_come_in_pieces_in_chunks_or_end_with_the_connection():
    in_pieces = [OK[:10], OK[10:-1], OK[-1:]]
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
    to_the_end = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"
    with server(saying(in_pieces, chunked, to_the_end), saying(OK)) as url:
        assert [heard.body for heard in asked(url, 4)] == [b"ok"] * 4


def test_a_connection_that_the_server_closed_is_not_used_again():
    with server(saying(OK), saying(OK)) as url:

        async def twice():
            connections = Connections(url)
            first = await connections.request("GET", "/x", {}, b"")
            await asyncio.sleep(0.1)
            second = await connections.request("GET", "/x", {}, b"")
            await connections.close()
            return first.status, second.status

        assert asyncio.run(twice()) == (200, 200)


def test_a_server_that_hangs_up_says_nothing_or_babbles_is_an_error_in_words():
    with server(saying(b""), saying(b"HTTP/1.1 200 OK\r\nContent-Le")) as url:
        for _ in range(2):
            with pytest.raises(WireError, match=r"hung up|without sending|closed"):
                asked(url)
    with server(saying(b"babble\r\n\r\n")) as url, pytest.raises(WireError):
        asked(url)


def test_patience_has_an_end():
    over = threading.Event()
    with server(lambda _connection: over.wait(5)) as url:
        with pytest.raises(WireError, match="no answer within 0 s"):
            asked(url, timeout_s=0.1)
        over.set()


def test_no_more_connections_than_allowed_are_open_at_once():
    seen = []

    def slowly(connection):
        seen.append(time.monotonic())
        for _ in range(2):
            connection.recv(65536)
            time.sleep(0.05)
            connection.sendall(OK)

    with server(slowly) as url:

        async def both():
            connections = Connections(url, most=1)
            done = await asyncio.gather(*(connections.request("GET", "/x", {}, b"") for _ in range(2)))
            await connections.close()
            return done

        assert len(asyncio.run(both())) == 2
    assert len(seen) == 1


def test_an_address_may_have_a_port_a_path_and_tls():
    assert origin_of("http://127.0.0.1:8080")[:4] == (False, "127.0.0.1", 8080, "127.0.0.1:8080")
    assert origin_of("https://shop.example/beacon/")[1:] == ("shop.example", 443, "shop.example", "/beacon")
    assert origin_of("http://[::1]:9")[1:4] == ("::1", 9, "[::1]:9")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "8080"])
def test_what_is_no_address_is_told_so(url):
    with pytest.raises(ValueError, match="no address of a service"):
        origin_of(url)
