"""What goes wrong, each kind once: the class, its HTTP status and its stable code."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """Something that the caller is told as `application/problem+json`."""

    status = 500
    code = "internal_error"
    title = "Something went wrong here"

    def __init__(self, detail: str = "", *, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors or []


class ServiceUnavailable(Problem):
    """The database cannot be reached just now; the same request may be sent again."""

    status = 503
    code = "service_unavailable"
    title = "Try again shortly"
    retry_after_s = 2
