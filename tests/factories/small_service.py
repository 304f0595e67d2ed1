"""A small HTTP server of a test's own, in the place of the service: it says what it is told to, or hangs up."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

# In the place of a status: the connection is closed without an answer; the request had been taken by then.
HANGS_UP = 0


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict  # by lower-case name
    body: object


class SmallService:
    """`answer(asked)` says (status, headers, body); without one of its own it speaks as phones expect.

    `failing`: statuses for the next requests of pings, one each; HANGS_UP takes the pings and says nothing.
    """

    def __init__(self, answer=None, *, failing=(), retry_after_s=None):
        self.requests, self.failing = [], list(failing)
        self.retry_after_s = retry_after_s
        self.offers_to, self.moves, self.told, self.seen = {}, {}, {}, {}
        self._answer = answer or self.usual
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, asked):
        with self._lock:
            self.requests.append(asked)
            return self._answer(asked)

    def usual(self, asked):
        if asked.path == "/v1/pings":
            return self.pings(asked.body)
        if asked.path.endswith("/inbox"):
            return 200, {}, {"decisions": []}
        if asked.method == "PUT" and asked.path.startswith("/v1/installations/"):
            name = asked.path.split("/")[3].split("?")[0]
            return 201, {}, {"installation_token": f"it_{name}", "customer_id": f"anonymous-{name}"}
        if asked.path.endswith("/events"):
            return 200, {}, {"results": [{"event_id": "e", "status": "accepted", "reasons": []}]}
        return 200, {}, {}

    def pings(self, body):
        """A verdict for each; a known one with the same content is a duplicate. Offers: see `offers_to`."""
        fault = self.failing.pop(0) if self.failing else None
        if fault not in {None, HANGS_UP}:
            told = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
            return fault, told, {"code": "overloaded"}
        batches = body.get("batches", [body])
        results = [
            self.verdict(batch["installation_id"], ping) for batch in batches for ping in batch["pings"]
        ]
        names = [batch["installation_id"] for batch in batches]
        decisions = [offer for name in names for offer in self.offers_to.pop(name, [])]
        events = [move for name in names for move in self.moves.pop(name, [])]
        answer = {"results": results, "events": events, "decisions": decisions, "next_ping_after_s": 5}
        return fault if fault is not None else 200, {}, answer

    def verdict(self, name, ping):
        before = self.seen.setdefault((name, ping["ping_id"]), ping)
        first = before is ping
        status, reasons = ("accepted", []) if first else ("duplicate", [])
        if before != ping:
            status, reasons = "rejected", ["id_reused"]
        return {"installation_id": name, "ping_id": ping["ping_id"], "status": status, "reasons": reasons}

    def sent(self, path="/v1/pings"):
        return [asked.body for asked in self.requests if asked.path == path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""


def _handler(service):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self):
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            status, told, said = service.take(Asked(self.command, self.path, headers, body))
            if status == HANGS_UP:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in told.items():
                self.send_header(name, value)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names that the server looks for

        def log_message(self, *args):
            """Nothing: a test's output is its own."""

    return Handler
