"""Edits that do not overwrite one another: the ETag is the version that was read, `If-Match` asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from beacon_service.errors import PreconditionFailed

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


def etag(version: int) -> str:
    """7 -> '"7"' (RFC 9110: an entity tag is quoted)."""
    return f'"{version}"'


def check_preconditions(version: int | None) -> None:
    """PreconditionFailed unless the request may write over this version; None is a thing that is not there.

    Call it where the version cannot change any more: with the row locked, in the transaction that writes.
    """
    if request.if_match and (version is None or not request.if_match.contains(str(version))):
        found = "It does not exist" if version is None else f"Its ETag is {etag(version)}"
        raise PreconditionFailed(f"{found}, which If-Match does not allow. Read it again, then edit.")
    if version is not None and request.if_none_match and request.if_none_match.contains(str(version)):
        raise PreconditionFailed("It exists already, which If-None-Match does not allow.")


def unchanged(version: int) -> bool:
    """Whether a reader already has this version (`If-None-Match` on GET): answer 304 with `not_modified`."""
    return bool(request.if_none_match) and request.if_none_match.contains_weak(str(version))


def not_modified(version: int) -> ResponseReturnValue:
    return Response(status=304, headers={"ETag": etag(version)})
