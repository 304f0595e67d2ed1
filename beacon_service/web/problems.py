"""Everything that goes wrong leaves as RFC 9457 `application/problem+json`, whatever raised it.

Clients branch on `code`; people read `detail` and `errors`; support finds the log line by `request_id`. What
we did not expect is told as no more than that: its nature goes to the log, without the values that caused it.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import sqlalchemy.exc
import structlog
from apiflask.exceptions import HTTPError, _ValidationError
from flask import Flask, Response, g
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from beacon_service.errors import KINDS, Invalid, Problem, ServiceUnavailable
from beacon_service.web.faults import faults_of
from beacon_service.web.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger()

PROBLEM = "application/problem+json"

_CODE_BY_STATUS = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    503: "service_unavailable",
}
_DETAIL_BY_STATUS = {
    404: "There is nothing at this address. The addresses are listed in /openapi.json.",
    405: "This address does not take that method; the header Allow names those that it takes.",
}
_UNREACHABLE = (
    psycopg.OperationalError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.TimeoutError,
)


def install(app: Flask) -> None:
    """Make `app` answer every error as a problem."""
    app.register_error_handler(Problem, render)
    app.register_error_handler(HTTPException, _render_http_exception)
    app.register_error_handler(HTTPError, _render_apiflask_error)
    for unreachable in _UNREACHABLE:
        app.register_error_handler(unreachable, _render_unreachable)
    app.register_error_handler(Exception, _render_unexpected)


def render(problem: Problem) -> Response:
    told = reply(problem, g.get("request_id"))
    response = Response(told.body, status=told.status, content_type=told.content_type)
    response.headers.update(dict(told.headers))
    return response


def reply(problem: Problem, request_id: str | None) -> Reply:
    """The problem as it is answered."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = problem.errors
    headers = []
    if problem.retry_after_s is not None:
        headers.append(("Retry-After", str(problem.retry_after_s)))
    if problem.status == 401:
        headers.append(("WWW-Authenticate", "Bearer"))
    return Reply(problem.status, PROBLEM, tuple(headers), msgspec.json.encode(body))


def problem_of(error: BaseException, request_id: str | None) -> Problem:
    """What the caller is told of whatever was raised; what we did not expect is logged."""
    if isinstance(error, Problem):
        return error
    return _unreachable(error) if isinstance(error, _UNREACHABLE) else _unexpected(error, request_id)


def _respond(body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    response = Response(msgspec.json.encode(body), status=body["status"], content_type=PROBLEM)
    response.headers.update(headers)
    return response


def _render_http_exception(error: HTTPException) -> Response | HTTPException:
    """What Flask and werkzeug raise of themselves; their redirects pass."""
    if isinstance(error, RequestRedirect) or error.code is None or error.code < 400:
        return error
    response = _render_status(error.code, error.name)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _render_apiflask_error(error: HTTPError) -> Response:
    cause = error.__cause__
    if isinstance(error, _ValidationError) and isinstance(cause, ValidationError):
        location = next(iter(error.detail), "json")
        return render(_invalid(cause, location))
    return _render_status(error.status_code, error.message or "")


def _invalid(error: ValidationError, location: str) -> Invalid:
    faults = faults_of(error, location)
    count = error.error_count()
    listed = "" if count == len(faults) else f"; the first {len(faults)} are listed"
    is_one = "One value is" if count == 1 else f"{count} values are"
    return Invalid(f"{is_one} not acceptable{listed}.", errors=faults)


def _render_status(status: int, name: str) -> Response:
    code = _CODE_BY_STATUS.get(status, "internal_error" if status >= 500 else "http_error")
    title = KINDS[code].title if KINDS[code].status == status else name
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": _DETAIL_BY_STATUS.get(status, f"{title}."),
        "request_id": g.get("request_id"),
    }
    return _respond(body, {})


def _render_unreachable(error: Exception) -> Response:
    return render(_unreachable(error))


def _unreachable(error: BaseException) -> Problem:
    log.warning("database_unreachable", error=type(error).__name__)
    return ServiceUnavailable("The database does not answer. Send the same request again.")


def _render_unexpected(error: Exception) -> Response:
    return render(_unexpected(error, g.get("request_id")))


def _unexpected(error: BaseException, request_id: str | None) -> Problem:
    """Where it happened, never with which values: messages of exceptions quote keys and positions."""
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        "unexpected_error",
        error=type(error).__name__,
        traceback=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
        request_id=request_id,
    )
    return Problem("This was our mistake and is logged under the request_id.")
