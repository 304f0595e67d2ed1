"""Many statements in one round trip, on libpq's pipeline mode.

psycopg has a pipeline too; it serves every use and talks to the socket at each step, which cost more than the
statements did. This one knows only what the ping path does: send all, flush, wait once, read all.
"""

import re
import select
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
import psycopg
from psycopg import abc, pq
from psycopg.adapt import AdaptersMap, Loader, PyFormat, Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.types.json import Jsonb, JsonbBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import ByteaBinaryLoader

from beacon_service.wire import CODECS, Codec

Row = tuple[Any, ...]
# (text, types) -> name of what a connection has prepared.
Prepared = dict[tuple[bytes, tuple[int, ...]], bytes]
Connection = psycopg.Connection[Row]

# What steers the transaction is not worth preparing.
CONTROL = ("SAVEPOINT ", "ROLLBACK TO ", "RELEASE ")

_BINARY = pq.Format.BINARY
_PLACEHOLDER = re.compile(r"%(?:(%)|\((\w+)\)[sbt]|[sbt])(?:::(\w+(?:\[\])?))?")


class Statement(NamedTuple):
    """One SQL statement of a round trip; parameters are written %(name)s or %s, best with their cast: %(n)s::bigint."""

    sql: str
    params: Mapping[str, Any] | Sequence[Any] = ()


class _Compiled(NamedTuple):
    """A statement as the server wants it: `$1` for placeholders, and where each parameter comes from."""

    text: bytes
    names: tuple[str | int, ...]
    codecs: tuple[Codec | None, ...]
    oids: tuple[int, ...] | None  # where every parameter has a codec, so that no value can change them
    formats: tuple[int, ...]


class _JsonbAsBytes(Loader):
    """Binary jsonb is a version byte, 1, and the text."""

    format = _BINARY

    def load(self, data: bytes | bytearray | memoryview) -> bytes:
        return bytes(data[1:])


class _MsgspecJsonb(JsonbBinaryDumper):
    """`Jsonb(value)` of anything that msgspec encodes."""

    _dumps = staticmethod(msgspec.json.encode)


class _Adaptation:
    """What psycopg's transformer needs to know: how values of ours go out and come in."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(psycopg.adapters)
        # On the wire json is its text alone, and psycopg reads bytes without a step in Python.
        self.adapters.register_loader("json", ByteaBinaryLoader)
        self.adapters.register_loader("jsonb", _JsonbAsBytes)
        self.adapters.register_dumper(Jsonb, _MsgspecJsonb)
        # psycopg picks smallint, integer or bigint by the value, and each makes another prepared statement.
        self.adapters.register_dumper(int, Int8BinaryDumper)


_ADAPTATION = _Adaptation()


class _Kept(NamedTuple):
    """What is kept with a connection: what it has prepared, and what reads its rows."""

    prepared: Prepared
    reader: abc.Transformer


_kept: WeakKeyDictionary[Connection, _Kept] = WeakKeyDictionary()


def send(connection: Connection, statements: Sequence[Statement], *, commit: bool) -> list[list[Row]]:
    """Run the statements in one round trip, begun and committed as asked; each one's rows.

    The first error is raised, and what followed it has not run.
    """
    pgconn = connection.pgconn
    kept = _kept.get(connection) or _kept.setdefault(connection, _Kept({}, Transformer(_ADAPTATION)))
    pgconn.enter_pipeline_mode()
    try:
        expected = _send_all(pgconn, kept.prepared, statements, commit=commit)
    except (
        BaseException
    ):  # also where the thread is told to stop: half of it is on its way, and it is raised again
        # What was sent of it may have prepared statements that nobody will remember: not to be used again.
        connection.close()
        raise
    results = _synchronise(pgconn)
    _remember_prepared(kept.prepared, expected, results)
    _raise_first_error(results, commit=commit)
    return [_rows(kept.reader, results[index]) for index in expected.answers]


class _Expected(NamedTuple):
    """Which of the results to come belong to what."""

    answers: list[int]
    prepared: list[tuple[int, tuple[bytes, tuple[int, ...]], bytes]]


def _send_all(
    pgconn: pq.abc.PGconn, known: Prepared, statements: Sequence[Statement], *, commit: bool
) -> _Expected:
    expected, sent = _Expected([], []), 0
    if pgconn.transaction_status == TransactionStatus.IDLE:
        pgconn.send_query_params(b"BEGIN", None)
        sent += 1
    fresh: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
    for statement in statements:
        compiled = _compiled(statement.sql)
        if statement.sql.startswith(CONTROL):
            pgconn.send_query_params(compiled.text, None)
        else:
            values, oids, formats = _encoded(compiled, statement.params)
            key = (compiled.text, oids)
            name = known.get(key) or fresh.get(key)
            if name is None:
                name = fresh[key] = b"beacon_%d" % (len(known) + len(fresh))
                pgconn.send_prepare(name, *key)
                expected.prepared.append((sent, key, name))
                sent += 1
            pgconn.send_query_prepared(name, values, formats, _BINARY)
        expected.answers.append(sent)
        sent += 1
    if commit:
        pgconn.send_query_params(b"COMMIT", None)
    return expected


def _synchronise(pgconn: pq.abc.PGconn) -> list[pq.abc.PGresult]:
    """All results of what was sent; leaves the connection as it was before the pipeline."""
    pgconn.pipeline_sync()
    results = _receive(pgconn)
    pgconn.exit_pipeline_mode()
    return results


def _receive(pgconn: pq.abc.PGconn) -> list[pq.abc.PGresult]:
    """Wait on the socket, so that other threads run meanwhile."""
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    while pgconn.flush():
        if any(event & ~select.POLLOUT for _, event in poll.poll()):
            pgconn.consume_input()
    poll.modify(pgconn.socket, select.POLLIN)
    results: list[pq.abc.PGresult] = []
    while True:
        while pgconn.is_busy():
            poll.poll()
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:  # stands between the results of two statements
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


def _remember_prepared(known: Prepared, expected: _Expected, results: Sequence[pq.abc.PGresult]) -> None:
    """Prepared statements outlive their transaction; one behind an error was never made."""
    for index, key, name in expected.prepared:
        if results[index].status == ExecStatus.COMMAND_OK:
            known[key] = name


def _raise_first_error(results: Sequence[pq.abc.PGresult], *, commit: bool) -> None:
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result, "utf-8")
    if commit and results[-1].command_status != b"COMMIT":
        # The server answers COMMIT of a failed transaction with ROLLBACK and no error.
        message = "the transaction had failed before it was committed"
        raise psycopg.errors.InFailedSqlTransaction(message)


def _rows(reader: abc.Transformer, result: pq.abc.PGresult) -> list[Row]:
    if result.status != ExecStatus.TUPLES_OK or result.ntuples == 0:
        return []
    reader.set_pgresult(result)
    return reader.load_rows(0, result.ntuples, tuple)


def _encoded(
    compiled: _Compiled, params: Mapping[str, Any] | Sequence[Any]
) -> tuple[list[bytes | None], tuple[int, ...], Sequence[int]]:
    """(values, types, formats) of the parameters."""
    if compiled.oids is not None:
        values = [
            None if (value := params[name]) is None else codec.encode(value)  # type: ignore[index, union-attr]
            for name, codec in zip(compiled.names, compiled.codecs, strict=True)
        ]
        return values, compiled.oids, compiled.formats
    named = zip(compiled.names, compiled.codecs, strict=True)
    sent = [_encoded_one(params[name], codec) for name, codec in named]  # type: ignore[index]
    return [value for value, _, _ in sent], tuple(oid for _, oid, _ in sent), [form for _, _, form in sent]


def _encoded_one(value: Any, codec: Codec | None) -> tuple[bytes | None, int, int]:
    if codec is not None:
        return None if value is None else codec.encode(value), codec.oid, _BINARY
    transformer = Transformer(_ADAPTATION)
    (encoded,) = transformer.dump_sequence([value], [PyFormat.BINARY])
    assert transformer.types is not None, "a parameter has a type"
    assert transformer.formats is not None, "a parameter has a format"
    # An empty list has no type of its own: psycopg sends it as text, for the server to make sense of.
    return None if encoded is None else bytes(encoded), transformer.types[0], transformer.formats[0]


@lru_cache(maxsize=500)
def _compiled(sql: str) -> _Compiled:
    names: dict[str | int, Codec | None] = {}

    def number(found: re.Match[str]) -> str:
        escaped, name, cast = found.groups()
        if escaped:
            return "%" + (f"::{cast}" if cast else "")
        key: str | int = name if name is not None else len(names)
        codec = CODECS.get(cast or "")
        names[key] = names.get(key) or codec
        return f"${list(names).index(key) + 1}" + (f"::{cast}" if cast else "")

    text = _PLACEHOLDER.sub(number, sql)
    codecs = tuple(names.values())
    typed = [codec.oid for codec in codecs if codec is not None]
    oids = tuple(typed) if len(typed) == len(codecs) else None
    return _Compiled(text.encode(), tuple(names), codecs, oids, (_BINARY,) * len(codecs))
