"""POST /v1/pings from the bytes that came to those that go, but for who waits for the turn, and how.

Flask is not asked. It took as long over a single ping as deciding it does, most of that for what a route with one way
in and one way out has no use for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from werkzeug.exceptions import ClientDisconnected

from beacon_service.auth import bearer_hash, token_hash
from beacon_service.errors import BadRequest
from beacon_service.pings.deciding import Call
from beacon_service.pings.heard import PINGS, Heard, heard_by_wsgi
from beacon_service.pings.pace import stretched
from beacon_service.pings.schema import parse
from beacon_service.web import problems
from beacon_service.web.access_log import AccessLog, new_request_id
from beacon_service.web.body import json_bytes, too_large
from beacon_service.web.reply import Reply
from beacon_service.web.strict_json import refuse_loose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from beacon_service.pings.answer import PingAnswer
    from beacon_service.pings.doorway import Wsgi
    from beacon_service.pings.together import Together
    from beacon_service.service import Service

_encode = msgspec.json.Encoder().encode


class Edge:
    """Of one application. `answer` waits in the caller's thread; who waits otherwise asks for `call` and `reply`."""

    def __init__(self, service: Service, together: Together[Call, PingAnswer], access_log: AccessLog) -> None:
        self.together = together
        self.settings = service.settings
        self._now = service.clock.now
        self._access_log = access_log

    def answer(self, heard: Heard, began_s: float) -> Reply:
        """Waits for the turn."""
        try:
            call = self.call(heard)
        except Exception as error:  # noqa: BLE001 - told as a problem, and logged where nobody expected it
            return self.reply(error, began_s)
        return self.answer_call(call, began_s)

    def answer_call(self, call: Call, began_s: float) -> Reply:
        """The same for one that is read already."""
        try:
            return self.reply(self.together(call), began_s)
        except Exception as error:  # noqa: BLE001 - as above
            return self.reply(error, began_s)

    def call(self, heard: Heard) -> Call:
        """The request, read. Raises the problem that it is not one."""
        received_at = self._now()
        key_hash = bearer_hash(heard.authorization)
        if heard.body is None:
            raise too_large(self.settings.max_body_bytes)
        body = json_bytes(heard.body, heard.content_type, heard.encoding, self.settings.max_body_bytes)
        refuse_loose(body)
        return Call(
            pings=parse(body, most_pings=self.settings.max_pings_per_request),
            key_hash=key_hash,
            token_hash=token_hash(heard.token),
            address=heard.address,
            received_at=received_at,
        )

    def reply(self, outcome: PingAnswer | BaseException, began_s: float) -> Reply:
        """What is answered, and logged; `began_s` is of `time.perf_counter`."""
        request_id = new_request_id()
        if isinstance(outcome, BaseException):
            told = problems.reply(problems.problem_of(outcome, request_id), request_id)
        else:
            pace = stretched(outcome.next_ping_after_s, self.together.delay_s)
            if pace != outcome.next_ping_after_s:
                outcome = msgspec.structs.replace(outcome, next_ping_after_s=pace)
            told = Reply(200, "application/json", (), _encode(outcome))
        self._access_log.answered(request_id, "POST", PINGS, told.status, began_s)
        return told.numbered(request_id)


def at_the_edge(inner: Wsgi, edge: Edge) -> Wsgi:
    """WSGI: pings are answered by their edge, all else by the application."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PINGS or environ["REQUEST_METHOD"] != "POST":
            return inner(environ, start_response)
        began_s, settings = time.perf_counter(), edge.settings
        try:
            heard = heard_by_wsgi(
                environ, proxies=settings.trusted_proxies, most_bytes=settings.max_body_bytes
            )
        except ClientDisconnected:  # in the middle of its body, so that nobody reads the answer
            reply = edge.reply(BadRequest("The body is shorter than it was said to be."), began_s)
        else:
            reply = edge.answer(heard, began_s)
        start_response(reply.status_line, reply.all_headers)
        return [reply.body]

    return answer
