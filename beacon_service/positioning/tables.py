"""Tables of walks as files of CSV, plain or packed by gzip: bounded, and each mistake told by file, line and column."""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

from beacon_service.positioning.survey import SurveyError

# A row has a dozen short columns; a "line" without an end must not fill the memory.
MOST_CHARACTERS = 2_000
MOST_TRACE_CHARACTERS = 128
# Milliseconds up to here are whole numbers in every language, and 280 000 years.
LATEST_MS = 2**53


@dataclass(frozen=True, slots=True)
class Table:
    """A file of CSV with its header: where columns are, and where a mistake is."""

    path: Path
    lines: "_Lines"
    columns: Mapping[str, int]

    def has(self, *columns: str) -> bool:
        return all(column in self.columns for column in columns)

    def require(self, *columns: str) -> None:
        if missing := [column for column in columns if column not in self.columns]:
            self.fail(
                f"the header lacks {', '.join(missing)}", "add what is missing to the first line", line=1
            )

    def rows(self) -> Iterator["Row"]:
        width = max(self.columns.values()) + 1
        for cells in self.lines.read():
            if not cells:
                continue
            if len(cells) < width:
                self.fail(f"has {len(cells)} columns where the header has {width}", "complete the row")
            yield Row(self, cells)

    def fail(self, what: str, do: str, *, column: str | None = None, line: int | None = None) -> NoReturn:
        named = f", column {column}" if column else ""
        raise SurveyError(f"{self.path}, line {line or self.lines.number}{named}: {what}; {do}")


class Row(NamedTuple):
    table: Table
    cells: list[str]

    def text(self, column: str) -> str:
        """Empty where the file has no such column."""
        index = self.table.columns.get(column)
        return "" if index is None else self.cells[index].strip()

    def trace(self) -> str:
        trace = self.text("trace")
        if not 0 < len(trace) <= MOST_TRACE_CHARACTERS:
            self.fail(
                "trace", f"has {len(trace)} characters", f"name the walk in 1 to {MOST_TRACE_CHARACTERS}"
            )
        return trace

    def t_ms(self) -> int:
        given = self.text("t_ms")
        # isdecimal alone would let through the digits of every script, and they are numbers to int() too.
        if not (given.isascii() and given.isdecimal()) or len(given) > 16 or int(given) > LATEST_MS:
            self.fail("t_ms", f"is {shown(given)}", "write milliseconds since 1970 such as 1772442000000")
        return int(given)

    def number(self, column: str, lowest: float, highest: float, do: str | None = None) -> float:
        given = self.text(column)
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if not lowest <= number <= highest:
            self.fail(column, f"is {shown(given)}", do or f"write a number from {lowest:g} to {highest:g}")
        return number

    def fail(self, column: str, what: str, do: str) -> NoReturn:
        self.table.fail(what, do, column=column)


class _Lines:
    """The rows of a file, each of bounded length, and the number of the line that was read last."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._file = file
        self._reader = csv.reader(self._bounded(), strict=True)

    @property
    def number(self) -> int:
        return self._reader.line_num

    def read(self) -> Iterator[list[str]]:
        return self._reader

    def _bounded(self) -> Iterator[str]:
        number = 0
        while line := self._file.readline(MOST_CHARACTERS + 1):
            number += 1
            if len(line) > MOST_CHARACTERS:
                raise SurveyError(
                    f"{self._path}, line {number}: is longer than {MOST_CHARACTERS} characters; is it CSV?"
                )
            yield line


@contextmanager
def opened(path: Path) -> Iterator[Table]:
    lines: _Lines | None = None
    try:
        with _text(path) as file:
            lines = _Lines(path, file)
            header = [name.strip() for name in next(lines.read(), [])]
            if not any(header):
                raise SurveyError(f"{path} is empty; its first line must name the columns")
            if len(set(header)) < len(header):
                raise SurveyError(f"{path}, line 1: names a column twice; leave one of them out")
            yield Table(path, lines, {name: index for index, name in enumerate(header)})
    except (OSError, EOFError, zlib.error) as error:
        raise SurveyError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        number = lines.number if lines else 1
        raise SurveyError(f"{path}, line {number}: is no CSV in UTF-8: {error}") from None


def _text(path: Path) -> TextIO:
    """`utf-8-sig`: spreadsheets begin their files with a mark."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def shown(given: Any) -> str:
    return "empty" if given == "" else repr(str(given)[:40])
