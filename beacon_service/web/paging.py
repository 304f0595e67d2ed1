"""Lists in pages: the cursor is the last key that was shown, so that a page costs the same however far in.

The cursor is opaque to clients and checked when it comes back; it is no secret, since it only names what they
saw.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from beacon_service.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_LIMIT = 100
MOST = 1000

Item = TypeVar("Item")


class PageQuery(BaseModel):
    """?limit and ?cursor of every list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MOST)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=1024)] | None = None

    def after(self) -> str | None:
        """The key to go on behind, or None at the beginning."""
        return None if self.cursor is None else decode_cursor(self.cursor)


def encode_cursor(key: str) -> str:
    return urlsafe_b64encode(msgspec.json.encode([key])).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The key inside; BadRequest for anything that `encode_cursor` did not make."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        (key,) = msgspec.json.decode(raw, type=tuple[str])
    except (binascii.Error, UnicodeError, msgspec.MsgspecError):
        key = None
    if key is None or "\0" in key or encode_cursor(key) != cursor:
        raise BadRequest("Send the next_cursor of the page before, unchanged.", code="cursor_invalid")
    return key


def page(found: Sequence[Item], limit: int, *, key: Callable[[Item], str]) -> dict[str, Any]:
    """{"items", "next_cursor"} from up to limit + 1 items: ask the store for one more than the page holds."""
    shown = list(found[:limit])
    more = len(found) > limit
    return {"items": shown, "next_cursor": encode_cursor(key(shown[-1])) if more else None}
