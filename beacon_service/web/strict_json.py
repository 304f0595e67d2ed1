"""JSON that can be read in one way only.

Parsers differ on what the standard leaves open (which of two equal keys counts, how deep is too deep, whether
NaN is a number), and PostgreSQL takes less than JSON allows (no U+0000). Whatever passes here means the same
to every reader that comes after.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec
import numpy as np

from beacon_service.errors import BadRequest

# No document of ours nests deeper than a dozen levels: a GeoJSON collection of multipolygons has eight.
MAX_DEPTH = 64

_SPACES_BEFORE_COLON = (b" :", b"\t:", b"\n:", b"\r:")
_KEY_END = re.compile(rb'"[ \t\n\r]*:')
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Each bracket as the step it makes in depth, 1 or (as a signed byte) -1.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


class _RepeatedKeyError(ValueError):
    """A key stands twice in one object; its message is the key."""


def decode_strict(body: bytes) -> Any:
    """The value of the document; BadRequest with a clear sentence if it is not strict JSON."""
    if _nests_too_deeply(body):
        _refuse_depth()
    return _decode(body)


def refuse_loose(body: bytes) -> None:
    """BadRequest unless the document is strict JSON; for readers that decode into types of their own.

    Depth is bounded by the parser here (about a thousand levels), which spares this path a scan of its own.
    """
    _decode(body)


def has_duplicate_keys(body: bytes) -> bool:
    """Whether an object of this valid JSON document names a key twice; costs parsing it once more."""
    return _may_repeat(body, msgspec.json.decode(body)) and _repeated_key(body) is not None


def _decode(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body)
        if _may_repeat(body, value) and (key := _repeated_key(body)) is not None:
            raise BadRequest(
                f"The key {_shown(key)} stands twice in one object. Send each key once.",
                code="json_duplicate_key",
            )
    except RecursionError:
        _refuse_depth()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest(_what_is_wrong(body, error), code="json_invalid") from None
    if b"\\u0000" in body and _holds_nul(value):
        raise BadRequest("A text holds the character U+0000, which cannot be stored.", code="json_invalid")
    return value


def _may_repeat(body: bytes, value: Any) -> bool:
    r"""False only if no key repeats: counts the key ends of the body and of its decoded value written anew.

    Without \u escapes every token that survives decoding holds `":` as often in the one as in the other, and
    a dropped key takes at least one with it. Spaces before a colon only add to the body's side. So equal
    counts mean that nothing was dropped; with \u escapes the counts say nothing.
    """
    if b"\\u" in body:
        return True
    kept = msgspec.json.encode(value).count(b'":')
    if any(spaced in body for spaced in _SPACES_BEFORE_COLON):
        return len(_KEY_END.findall(body)) != kept
    return body.count(b'":') != kept


def _repeated_key(body: bytes) -> str | None:
    try:
        json.loads(body, object_pairs_hook=_refuse_repeats, parse_int=str)
    except _RepeatedKeyError as found:
        return str(found)
    return None


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)


def _nests_too_deeply(body: bytes) -> bool:
    """Exact for valid JSON; what is broken is left to the parser."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    brackets = np.frombuffer(_TEXT.sub(b"", body).translate(_STEPS, delete=_NO_BRACKETS), dtype=np.int8)
    return bool(brackets.size) and int(brackets.cumsum(dtype=np.int64).max()) > MAX_DEPTH


def _refuse_depth() -> NoReturn:
    raise BadRequest(
        f"The body nests objects and arrays more than {MAX_DEPTH} levels deep.", code="json_too_deep"
    )


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _holds_nul(held) for key, held in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _what_is_wrong(body: bytes, error: Exception) -> str:
    """A sentence with a line and a column, which the fast parser does not tell."""
    try:
        json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as wrong:
        return f"The body is not UTF-8: the byte at position {wrong.start} cannot stand there."
    except json.JSONDecodeError as wrong:
        return f"The body is not valid JSON: {wrong.msg} at line {wrong.lineno}, column {wrong.colno}."
    except ValueError as wrong:
        return f"The body is not valid JSON: {wrong}."
    if isinstance(error, msgspec.ValidationError):
        return "The body is not usable: a number in it is out of range."
    return "The body is not valid JSON: a \\u escape in it is half of a surrogate pair."


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _shown(key: str) -> str:
    """A key for a sentence, bounded: it is the client's and may be long."""
    return json.dumps(key if len(key) <= 64 else f"{key[:64]}...")
