"""What goes wrong, each kind once: the code that clients may rely on, its HTTP status and its title.

A problem is raised where it is noticed, in any layer, with a sentence for the person who reads it; the web
edge renders it as RFC 9457 `application/problem+json`. Nothing here knows of HTTP beyond the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# One of several things wrong with a request: {"where", "what", "do"}, made by `fault`.
Fault = dict[str, str]


class Kind(NamedTuple):
    status: int
    title: str


# Every code that a client can meet. Codes are a contract: they are added, never renamed.
KINDS: Mapping[str, Kind] = {
    "bad_request": Kind(400, "The request cannot be read"),
    "body_missing": Kind(400, "The request has no body"),
    "encoding_invalid": Kind(400, "The body is not what its Content-Encoding says"),
    "csv_invalid": Kind(400, "The body is not valid CSV"),
    "json_invalid": Kind(400, "The body is not valid JSON"),
    "json_duplicate_key": Kind(400, "The body names a key twice"),
    "json_too_deep": Kind(400, "The body is nested too deeply"),
    "cursor_invalid": Kind(400, "The cursor is not one of ours"),
    "unauthenticated": Kind(401, "The request carries no valid key"),
    "key_revoked": Kind(401, "The key was revoked"),
    "key_expired": Kind(401, "The key has expired"),
    "token_missing": Kind(401, "The installation's token is missing"),
    "forbidden": Kind(403, "The key may not do this"),
    "secret_key_required": Kind(403, "This needs a secret key"),
    "scope_missing": Kind(403, "The key lacks the scope for this"),
    "token_wrong": Kind(403, "The token is not this installation's"),
    "identity_token_invalid": Kind(403, "The identity token is not believed"),
    "not_found": Kind(404, "There is nothing here"),
    "method_not_allowed": Kind(405, "This address does not take that method"),
    "not_acceptable": Kind(406, "None of the accepted types can be served"),
    "conflict": Kind(409, "The request contradicts what is stored"),
    "code_redeemed": Kind(409, "The code was redeemed before"),
    "code_expired": Kind(409, "The code has expired"),
    "precondition_failed": Kind(412, "It was changed in the meantime"),
    "too_large": Kind(413, "The request is too large"),
    "unsupported_media_type": Kind(415, "The body is of a type that is not taken here"),
    "invalid": Kind(422, "Some values are not acceptable"),
    "rate_limited": Kind(429, "Too many requests"),
    "http_error": Kind(400, "The request cannot be served"),
    "internal_error": Kind(500, "Something went wrong here"),
    "service_unavailable": Kind(503, "Try again shortly"),
    "overloaded": Kind(503, "There is too much to do just now"),
    "not_ready": Kind(503, "The service is not ready"),
}


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """Something that the caller is told: a sentence of detail, and each fault where there are several."""

    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        errors: Sequence[Fault] = (),
        retry_after_s: int | None = None,
    ) -> None:
        self.code = code or self.default_code
        self.status, self.title = KINDS[self.code]
        self.detail = detail or f"{self.title}."
        self.errors: list[Fault] = list(errors)
        self.retry_after_s = retry_after_s
        super().__init__(self.detail)


class BadRequest(Problem):
    default_code = "bad_request"


class Unauthenticated(Problem):
    default_code = "unauthenticated"


class Forbidden(Problem):
    default_code = "forbidden"


class NotFound(Problem):
    default_code = "not_found"


class Conflict(Problem):
    default_code = "conflict"


class PreconditionFailed(Problem):
    default_code = "precondition_failed"


class TooLarge(Problem):
    default_code = "too_large"


class UnsupportedMedia(Problem):
    default_code = "unsupported_media_type"


class Invalid(Problem):
    """The request was understood and some of its values cannot be: `errors` names each."""

    default_code = "invalid"


class RateLimited(Problem):
    """Asked too often; the same request may be sent again after `retry_after_s`."""

    default_code = "rate_limited"

    def __init__(self, detail: str = "", *, retry_after_s: int) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)


class ServiceUnavailable(Problem):
    """The database cannot be reached just now; the same request may be sent again."""

    default_code = "service_unavailable"

    # Two seconds: a restart of PostgreSQL takes one, and phones queue their pings meanwhile.
    def __init__(self, detail: str = "", *, code: str | None = None, retry_after_s: int = 2) -> None:
        super().__init__(detail, code=code, retry_after_s=retry_after_s)


class Overloaded(ServiceUnavailable):
    """More is asked than can be answered in time: nothing was done, and the same request may be sent again."""

    default_code = "overloaded"

    def __init__(self, detail: str = "", *, retry_after_s: int) -> None:
        super().__init__(
            detail or "Nothing of this request was done. Send it again after Retry-After seconds.",
            retry_after_s=retry_after_s,
        )


class Contended(ServiceUnavailable):
    """Another transaction holds for too long what this one needs; others are not concerned."""


def fault(where: str, what: str, do: str) -> Fault:
    """`where` is a JSON pointer into the body ("/geometry/coordinates"), a "?parameter" or a header."""
    return {"where": where, "what": what, "do": do}
