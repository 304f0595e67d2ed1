"""Bad bodies against a real server: what matters here is what the server in front makes of them."""

import contextlib
import gzip
import json
import socket
import zlib

import pytest

SHAPE = {"platform": "ios", "consents": {"location": True, "marketing": False}}


@pytest.fixture
def address(served):
    return served.address


def ask(address, head, chunks=()):
    """Send raw bytes and answer (status, body); a server may answer before it has read everything."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for chunk in chunks:
                connection.sendall(chunk)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += part
    top, _, body = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in top or b" 2" in top.split(b"\r\n")[0], received[:500]
    return int(top.split()[1]), json.loads(body)


def put(key, *headers):
    lines = (
        "PUT /v1/installations/phone-1 HTTP/1.1",
        "Host: test",
        "Connection: close",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        *headers,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunked(parts):
    yield from (f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
    yield b"0\r\n\r\n"


def test_bad_bodies_end_in_a_problem_and_the_server_goes_on(address, keys):
    key = keys.make(kind="publishable").plain
    good = json.dumps(SHAPE).encode()
    megabyte = b" " * 1_000_000
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(megabyte) for _ in range(100)), packer.flush()])

    def sized(body, *headers):
        return put(key, f"Content-Length: {len(body)}", *headers), [body]

    zipped = "Content-Encoding: gzip"
    unsized = put(key, "Transfer-Encoding: chunked")
    cases = {
        "50 MB, announced": ((put(key, "Content-Length: 50000000"), [megabyte] * 50), 413, "too_large"),
        "50 MB, chunked": ((unsized, chunked([megabyte] * 50)), 413, "too_large"),
        "gzip bomb of 100 MB": (sized(bomb, zipped), 413, "too_large"),
        "10 000 levels": (sized(b"[" * 10_000 + b"]" * 10_000), 400, "json_too_deep"),
        "NaN": (sized(b'{"platform": NaN}'), 400, "json_invalid"),
        "not UTF-8": (sized(b'{"platform": "\xff"}'), 400, "json_invalid"),
        "nothing": (sized(b""), 400, "body_missing"),
        "an array": (sized(b"[]"), 422, "invalid"),
    }
    found = {name: ask(address, *sent) for name, (sent, _, _) in cases.items()}
    assert {name: (status, body["code"]) for name, (status, body) in found.items()} == {
        name: (status, code) for name, (_, status, code) in cases.items()
    }
    assert ask(address, unsized, chunked([good[:7], good[7:]]))[0] == 201
    token = keys.make().plain
    packed = gzip.compress(good)
    again = put(token, f"Content-Length: {len(packed)}", zipped)
    assert ask(address, again, [packed])[0] == 200
