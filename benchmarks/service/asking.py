"""One request after the other over one connection, with patience: for edits, imports, and what is no load."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.connections import Connection, linked
from benchmarks.service.keys import SECRET_KEY
from benchmarks.telling import Failed
from benchmarks.wire import Response, parse_response, request

# Reading a hundred thousand zones takes its time, and the first ping waits for it.
PATIENCE_S = 300.0
EDITORS = 8


class Refused(Failed):
    """Something is not as the measuring needs it."""


@dataclass(slots=True)
class Asked:
    """A keep-alive connection; `took_ms` of the answer that came last."""

    connection: Connection
    took_ms: float = field(default=0.0)

    def ask(self, request_: bytes) -> Response:
        self.connection.send(request_, time.perf_counter())
        heard = None
        while heard is None:
            heard = self.connection.receive()
        self.took_ms = heard.latency_ms
        return parse_response(heard.answer)

    def insist(self, request_: bytes) -> Response:
        response = self.ask(request_)
        if not 200 <= response.status < 300:
            line = request_.split(b"\r\n", 1)[0].decode()
            said = response.body[:300].decode(errors="replace")
            raise Refused(f"{line}: {response.status} {said}")
        return response


@contextmanager
def asking(port: int) -> Iterator[Asked]:
    with linked(port, PATIENCE_S) as link:
        yield Asked(Connection(link))


def edit(method: str, path: str, document: object) -> bytes:
    return request(method, path, {"Authorization": f"Bearer {SECRET_KEY}"}, json.dumps(document).encode())


def insist_on_all(port: int, requests: Sequence[bytes]) -> list[Response]:
    """By several editors at once, each a connection; their answers in the order of the requests."""

    def some(first: int) -> list[Response]:
        with asking(port) as asked:
            return [asked.insist(one) for one in requests[first::EDITORS]]

    with ThreadPoolExecutor(EDITORS) as editors:
        found = list(editors.map(some, range(EDITORS)))
    return [found[number % EDITORS][number // EDITORS] for number in range(len(requests))]
