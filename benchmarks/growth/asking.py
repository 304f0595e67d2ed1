"""One request after the other over one connection, with patience: for edits, imports, and what is no load."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.service.seed import SECRET_KEY
from benchmarks.wire import Response, parse_response, request, response_length

# Reading a hundred thousand zones takes its time, and the first ping waits for it.
PATIENCE_S = 300.0
EDITORS = 8


class Refused(Exception):  # noqa: N818 - what happened, told as it stands
    """Something is not as the measuring needs it."""


@dataclass(slots=True)
class Asked:
    """A keep-alive connection; `took_ms` of the answer that came last."""

    link: socket.socket
    took_ms: float = field(default=0.0)

    def ask(self, request_: bytes) -> Response:
        began = time.perf_counter()
        self.link.sendall(request_)
        received = bytearray()
        length: int | None = None
        while length is None or len(received) < length:
            chunk = self.link.recv(1 << 18)
            if not chunk:
                raise ConnectionError("the server closed a connection before its answer was whole")
            received += chunk
            length = response_length(received)
        self.took_ms = 1000 * (time.perf_counter() - began)
        return parse_response(bytes(received))

    def insist(self, request_: bytes) -> Response:
        response = self.ask(request_)
        if not 200 <= response.status < 300:
            line = request_.split(b"\r\n", 1)[0].decode()
            said = response.body[:300].decode(errors="replace")
            raise Refused(f"{line}: {response.status} {said}")
        return response


@contextmanager
def asking(port: int) -> Iterator[Asked]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Asked(link)


def edit(method: str, path: str, document: str) -> bytes:
    return request(method, path, {"Authorization": f"Bearer {SECRET_KEY}"}, document.encode())


def insist_on_all(port: int, requests: list[bytes]) -> None:
    """By several editors at once, each a connection."""

    def some(first: int) -> Any:
        with asking(port) as asked:
            for one in requests[first::EDITORS]:
                asked.insist(one)

    with ThreadPoolExecutor(EDITORS) as editors:
        list(editors.map(some, range(EDITORS)))
