"""A brand's server on this machine: it keeps what it is sent and answers as it is told."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Receiver:
    """`answers`: (status, headers) for the next requests, in order; then `usual`, again and again."""

    def __init__(self, *, context=None, usual=(200, {}), slow_s=0.0):
        self.requests, self.answers = [], []
        self.usual, self.slow_s, self.body = usual, slow_s, b""
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self):
        return self._server.server_address[1]

    def url(self, path="/hook", *, scheme="http", host="127.0.0.1"):
        return f"{scheme}://{host}:{self.port}{path}"

    def take(self, request):
        """(status, headers, body) of the answer to it."""
        time.sleep(self.slow_s)
        with self._lock:
            self.requests.append(request)
            return self.answer(request)

    def answer(self, _request):
        return *(self.answers.pop(0) if self.answers else self.usual), self.body

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that hangs up, or distrusts our certificate, is what some tests are about."""


def _handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            length = int(self.headers["Content-Length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            sent = self.rfile.read(length)
            if len(sent) < length:  # the sender was killed in the middle: no server takes half a request
                self.close_connection = True
                return
            status, told, body = receiver.take(Request(self.path, headers, sent))
            self.send_response(status)
            for name, value in told.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """Nothing: a test's output is its own."""

    return Handler
