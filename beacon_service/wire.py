"""PostgreSQL's binary format for what the ping path sends: numbers, texts, instants, and arrays of them.

psycopg writes arrays element by element through its general adaptation, which took a third of the time of a batch;
here each type is one line, picked by the cast that follows the parameter in the SQL. What is not listed goes
through psycopg as ever. Format: "Binary array format" of PostgreSQL's array_send (src/backend/utils/adt/arrayfuncs.c).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain, repeat
from struct import Struct, pack
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

Value = TypeVar("Value")
Encode = Callable[[Any], bytes]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_NULL = pack(">i", -1)
_LENGTH = Struct(">i")
_HEAD = Struct(">iiIii")


class Codec(NamedTuple):
    """How a parameter of a type is sent: its oid (pg_type.dat) and its bytes."""

    oid: int
    encode: Encode


def microseconds(at: datetime) -> int:
    """A timestamptz on the wire: microseconds since 2000-01-01 UTC."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _days(day: date) -> int:
    return day.toordinal() - _EPOCH_DAY


def json_bytes(value: Any) -> bytes:
    """Jsonb on the wire is a version, 1, and the text; bytes are JSON already."""
    if isinstance(value, Jsonb):
        value = value.obj
    return b"\x01" + (value if isinstance(value, bytes) else msgspec.json.encode(value))


def _fixed(
    code: str, convert: Callable[[Any], Any] | None = None
) -> tuple[Encode, Callable[[Sequence[Any]], bytes]]:
    """(one value, the body of an array) of a type whose values all take the same number of bytes."""
    one = Struct(">" + code)

    def encode(value: Any) -> bytes:
        return one.pack(value if convert is None else convert(value))

    def body(values: Sequence[Any]) -> bytes:
        if None in values:
            prefix = _LENGTH.pack(one.size)
            return b"".join(_NULL if value is None else prefix + encode(value) for value in values)
        plain = values if convert is None else map(convert, values)
        pairs = chain.from_iterable(zip(repeat(one.size), plain))
        return pack(">" + ("i" + code) * len(values), *pairs)

    return encode, body


def _varying(encode: Encode) -> tuple[Encode, Callable[[Sequence[Any]], bytes]]:
    def body(values: Sequence[Any]) -> bytes:
        parts: list[bytes] = []
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                encoded = encode(value)
                parts += (_LENGTH.pack(len(encoded)), encoded)
        return b"".join(parts)

    return encode, body


def _array(oid: int, body: Callable[[Sequence[Any]], bytes]) -> Encode:
    def encode(values: Sequence[Any]) -> bytes:
        if not values:
            return pack(">iiI", 0, 0, oid)
        return _HEAD.pack(1, int(None in values), oid, len(values), 1) + body(values)

    return encode


def _codecs() -> Mapping[str, Codec]:
    uuid: Callable[[UUID], bytes] = lambda value: value.bytes  # noqa: E731 - a line of the table below
    # name: (oid, oid of the array, how)
    types = {
        "bigint": (20, 1016, _fixed("q")),
        "integer": (23, 1007, _fixed("i")),
        "smallint": (21, 1005, _fixed("h")),
        "real": (700, 1021, _fixed("f")),
        "boolean": (16, 1000, _fixed("?")),
        "timestamptz": (1184, 1185, _fixed("q", microseconds)),
        "date": (1082, 1182, _fixed("i", _days)),
        "uuid": (2950, 2951, _varying(uuid)),
        "text": (25, 1009, _varying(str.encode)),
        "bytea": (17, 1001, _varying(bytes)),
        "jsonb": (3802, 3807, _varying(json_bytes)),
    }
    one = {name: Codec(oid, encode) for name, (oid, _, (encode, _)) in types.items()}
    many = {f"{name}[]": Codec(array, _array(oid, body)) for name, (oid, array, (_, body)) in types.items()}
    return {**one, **many}


CODECS = _codecs()
