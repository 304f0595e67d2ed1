"""Reads and writes traces as streams: nothing here holds more than a line."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from simulators.traces.model import Header, Instant, Known, Line, Other, TraceError, Truth, TruthHeader
from simulators.traces.packed import LONGEST_LINE_BYTES, lines_in, written

T = TypeVar("T")


class _AnyKind(msgspec.Struct, frozen=True):
    """What even a line of a kind that is not known here must say."""

    kind: str
    at: Instant


_header = msgspec.json.Decoder(Header)
_known: msgspec.json.Decoder[Known] = msgspec.json.Decoder(Known)
_any_kind = msgspec.json.Decoder(_AnyKind)
_truth_header = msgspec.json.Decoder(TruthHeader)
_truth = msgspec.json.Decoder(Truth)
_encode = msgspec.json.Encoder().encode


class Lines(Iterator[T]):
    """What is read from a file, line by line; `number` is that of the line that came last."""

    def __init__(self, path: Path, read: Callable[[bytes], T], lines: Iterator[tuple[int, bytes]]) -> None:
        self.path = path
        self.number = 1
        self._read = read
        self._lines = lines

    def __next__(self) -> T:
        self.number, line = next(self._lines)
        return _told(self._read, line, self.where)

    @property
    def where(self) -> str:
        return f"line {self.number} of {self.path}"


def open_trace(
    path: Path, progress: Callable[[float], None] = lambda _share: None
) -> tuple[Header, Lines[Line]]:
    """The header, and the lines as they are asked for. TraceError tells line, field and what is wrong.

    Their order is not looked at: see `checked`. `progress` is told now and then which share has been read.
    """
    return _open(lines_in(path, progress), path, _header.decode, line_of)


def open_truth(path: Path) -> tuple[TruthHeader, Lines[Truth]]:
    return _open(lines_in(path), path, _truth_header.decode, _truth.decode)


H = TypeVar("H")


def _open(
    lines: Iterator[tuple[int, bytes]], path: Path, first: Callable[[bytes], H], then: Callable[[bytes], T]
) -> tuple[H, Lines[T]]:
    _, line = next(lines, (1, b""))
    return _told(first, line, f"line 1 of {path}"), Lines(path, then, lines)


def line_of(line: bytes) -> Line:
    """Raises msgspec.DecodeError or ValueError."""
    try:
        return _known.decode(line)
    except msgspec.ValidationError as error:
        if not str(error).endswith("- at `$.kind`"):
            raise
    other = _any_kind.decode(line)
    if other.kind == "header":
        raise msgspec.ValidationError("a header stands in the first line only")
    return Other(other.kind, other.at, line)


def bytes_of(line: Line | Header | Truth | TruthHeader) -> bytes:
    return line.raw if isinstance(line, Other) else _encode(line)


def _told(read: Callable[[bytes], T], line: bytes, where: str) -> T:
    if not line:
        raise TraceError(f"{where} is empty; each line of a trace is an object of JSON")
    try:
        return read(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise TraceError(f"{where}: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    """Msgspec names the field last and as a path: "Expected `str`, got `int` - at `$.pings[0]`"."""
    what, _, field = str(error).partition(" - at `$")
    named = field.rstrip("`").removeprefix(".")
    return f"{named}: {what}" if named else what or "is nested too deeply"


def write_trace(path: Path, header: Header, lines: Iterable[Line]) -> int:
    """How many lines were written after the header. The same lines are the same bytes, packed or not.

    The file appears when all of it is written. TraceError where lines are out of order.
    """
    _told(_header.decode, bytes_of(header), f"line 1 of {path}")
    return _write(path, header, in_order(lines))


def truth_beside(trace: Path) -> Path:
    """`day.jsonl.gz` has its truth in `day.truth.jsonl.gz`."""
    packed = ".gz" if trace.suffix == ".gz" else ""
    return trace.with_name(trace.name.removesuffix(packed).removesuffix(".jsonl") + ".truth.jsonl" + packed)


def write_truth(path: Path, header: TruthHeader, lines: Iterable[Truth]) -> int:
    return _write(path, header, in_order(lines))


def _write(path: Path, header: Header | TruthHeader, lines: Iterable[Any]) -> int:
    count = 0
    with written(path) as file:
        file.write(bytes_of(header) + b"\n")
        for count, line in enumerate(lines, start=1):
            file.write(_bounded(bytes_of(line), f"line {count + 1} of {path}") + b"\n")
    return count


def _bounded(line: bytes, where: str) -> bytes:
    if len(line) > LONGEST_LINE_BYTES:
        raise TraceError(
            f"{where} would be longer than {LONGEST_LINE_BYTES} bytes; divide its report into several"
        )
    return line


L = TypeVar("L", bound=Line | Truth)


def in_order(lines: Iterable[L]) -> Iterator[L]:
    """The lines, unchanged. TraceError at the first that is older than the one before it."""
    before: Instant | None = None
    for index, line in enumerate(lines):
        if before is not None and line.at < before:
            where = lines.where if isinstance(lines, Lines) else f"line {index + 2}"
            raise TraceError(
                f"{where}: at: {line.at.isoformat()} is before the line above it, {before.isoformat()}; "
                "a trace is in order of time"
            )
        before = line.at
        yield line


def checked(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, unchanged, of a trace whose fields and order are as they should be; else TraceError.

    Lines that were read have passed the schema; those that a program made are looked at again here.
    """
    for index, line in enumerate(in_order(lines)):
        if not isinstance(lines, Lines) and not isinstance(line, Other):
            _told(_known.decode, bytes_of(line), f"line {index + 2}")
        yield line
