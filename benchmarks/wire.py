"""HTTP/1.1 as bytes: requests are built before the clock starts, answers taken apart after it stops."""

from collections.abc import Mapping
from dataclasses import dataclass

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    head: bytes = b""


def post(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    return request("POST", path, headers, body)


def request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: benchmark", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + HEAD_END + body


def response_length(received: bytes | bytearray) -> int | None:
    """The length of the whole response once its head is there; None while it is not."""
    end = received.find(HEAD_END)
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"a response without Content-Length: {head[:200]!r}")
    value = head[at + len(b"\r\ncontent-length:") :].split(b"\r\n", 1)[0]
    return end + len(HEAD_END) + int(value)


def parse_response(received: bytes) -> Response:
    head, _, body = received.partition(HEAD_END)
    return Response(status=int(head.split(b" ", 2)[1]), body=body, head=head)
