"""PostgreSQL's binary format for what the ping path sends: numbers, texts, instants, and arrays of them.

psycopg writes arrays element by element through its general adaptation, which took a third of the time of a batch;
here each type is one line, picked by the cast that follows the parameter in the SQL. What is not listed goes
through psycopg as ever. Format: "Binary array format" of PostgreSQL's array_send (src/backend/utils/adt/arrayfuncs.c).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain, repeat
from operator import attrgetter
from struct import Struct, pack
from typing import Any, NamedTuple

import msgspec
from psycopg.types.json import Jsonb

Encode = Callable[[Any], bytes]
Convert = Callable[[Any], int]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_NULL = pack(">i", -1)
_LENGTH = Struct(">i")
_HEAD = Struct(">iiIii")
_encode_json = msgspec.json.Encoder().encode


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
    """Json on the wire is its text; bytes are JSON already."""
    if type(value) is bytes:
        return value
    return _encode_json(value.obj if type(value) is Jsonb else value)


def jsonb_bytes(value: Any) -> bytes:
    """Jsonb on the wire is a version, 1, and the text."""
    return b"\x01" + json_bytes(value)


def _fixed(one_oid: int, array_oid: int, code: str, convert: Convert | None = None) -> tuple[Codec, Codec]:
    """The codecs of a type whose values all take the same number of bytes, and of its arrays."""
    one = Struct(">" + code)
    prefix = _LENGTH.pack(one.size)

    def encode(value: Any) -> bytes:
        return one.pack(value if convert is None else convert(value))

    def body(values: Sequence[Any]) -> bytes:
        if len(values) == 1 or None in values:
            return b"".join(_NULL if value is None else prefix + encode(value) for value in values)
        plain = values if convert is None else map(convert, values)
        pairs = chain.from_iterable(zip(repeat(one.size), plain))
        return pack(">" + ("i" + code) * len(values), *pairs)

    return Codec(one_oid, encode), _array(one_oid, array_oid, body)


def _varying(one_oid: int, array_oid: int, encode: Encode) -> tuple[Codec, Codec]:
    """The codecs of a type whose values differ in length, and of its arrays."""

    def body(values: Sequence[Any]) -> bytes:
        length = _LENGTH.pack
        if None in values:
            whole = [_NULL if value is None else length(len(one := encode(value))) + one for value in values]
            return b"".join(whole)
        encoded = list(map(encode, values))
        lengths = map(length, map(len, encoded))
        return b"".join(chain.from_iterable(zip(lengths, encoded, strict=True)))

    return Codec(one_oid, encode), _array(one_oid, array_oid, body)


def _array(one_oid: int, array_oid: int, body: Callable[[Sequence[Any]], bytes]) -> Codec:
    def encode(values: Sequence[Any]) -> bytes:
        if not values:
            return pack(">iiI", 0, 0, one_oid)
        return _HEAD.pack(1, None in values, one_oid, len(values), 1) + body(values)

    return Codec(array_oid, encode)


# name: (the type's codec, its array's), each with the oid of pg_type.dat.
_TYPES: Mapping[str, tuple[Codec, Codec]] = {
    "bigint": _fixed(20, 1016, "q"),
    "integer": _fixed(23, 1007, "i"),
    "smallint": _fixed(21, 1005, "h"),
    "real": _fixed(700, 1021, "f"),
    "boolean": _fixed(16, 1000, "?"),
    "timestamptz": _fixed(1184, 1185, "q", microseconds),
    "date": _fixed(1082, 1182, "i", _days),
    "uuid": _varying(2950, 2951, attrgetter("bytes")),
    "text": _varying(25, 1009, str.encode),
    "bytea": _varying(17, 1001, bytes),
    "json": _varying(114, 199, json_bytes),
    "jsonb": _varying(3802, 3807, jsonb_bytes),
}

CODECS: Mapping[str, Codec] = {
    **{name: one for name, (one, _) in _TYPES.items()},
    **{f"{name}[]": array for name, (_, array) in _TYPES.items()},
}
