"""Lines in files, packed by gzip where the name ends in `.gz`: read one by one, written whole or not at all."""

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from simulators.traces.model import TraceError

# A report of a thousand pings that heard two dozen beacons each is about three.
LONGEST_LINE_BYTES = 4_000_000
_BUFFER_BYTES = 1 << 18
TOLD_EVERY_LINES = 2_000
_PACKED = b"\x1f\x8b"
# What reading a file may raise: it is not there, it ends too early, it is packed wrongly.
UNREADABLE = (OSError, EOFError, zlib.error)


def lines_in(
    path: Path, progress: Callable[[float], None] = lambda _share: None
) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1, without its end. Raises TraceError for what cannot be read or is too long.

    `progress` is told now and then which share of the file has been read.
    """
    number = 0
    try:
        size = path.stat().st_size or 1
        with opened(path) as file:
            while line := file.readline(LONGEST_LINE_BYTES + 2):
                number += 1
                line = line.removesuffix(b"\n").removesuffix(b"\r")
                if len(line) > LONGEST_LINE_BYTES:
                    raise TraceError(
                        f"line {number} of {path} is longer than {LONGEST_LINE_BYTES} bytes; "
                        "divide its report into several"
                    )
                yield number, line
                if number % TOLD_EVERY_LINES == 0:
                    progress(_position(file) / size)
    except UNREADABLE as error:
        raise TraceError(f"{path} cannot be read after line {number}: {_why(error)}") from None


def _position(file: BinaryIO) -> int:
    """In the file as it lies on disk, packed or not."""
    unpacked = getattr(file, "raw", None)
    on_disk: Any = unpacked.fileobj if isinstance(unpacked, gzip.GzipFile) else file
    return int(on_disk.tell())


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked. TraceError where the name and the first bytes disagree on packing."""
    with path.open("rb") as file:
        packed = file.peek(2)[:2] == _PACKED
        if packed != (path.suffix == ".gz"):
            be = (
                "is packed by gzip, but its name does not end"
                if packed
                else "is not packed by gzip, but its name ends"
            )
            raise TraceError(f"{path} {be} in .gz; rename it")
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked, io.BufferedReader(unpacked, _BUFFER_BYTES) as lines:
            yield lines


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """What is written goes beside the file and takes its place at the end; nothing of it stays if that fails.

    Packed without a name and a time, which gzip would write into the file otherwise: the same lines are the same bytes.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            if path.suffix == ".gz":
                packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=6)
                with packed, io.BufferedWriter(packed, _BUFFER_BYTES) as lines:
                    yield lines
            else:
                yield file
        beside.replace(path)
    except OSError as error:
        raise TraceError(f"{path} cannot be written: {_why(error)}") from None
    finally:
        beside.unlink(missing_ok=True)


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error) or type(error).__name__
