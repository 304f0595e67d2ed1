"""Puts any number of records in order of time with little memory: sorted runs on disk, merged as they are read."""

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

# About a hundred thousand sightings. Runs wait open on disk, so smaller ones would be too many.
RUN_BYTES = 16_000_000


class ByTime:
    """Add records, then iterate over them: in order of time, and of adding where times are the same."""

    def __init__(self, run_bytes: int = RUN_BYTES) -> None:
        self.first_us: int | None = None
        self.last_us: int | None = None
        self._run_bytes = run_bytes
        self._run: list[bytes] = []
        self._size = 0
        self._added = 0
        self._runs: list[Path] = []
        self._kept = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(self._kept.enter_context(tempfile.TemporaryDirectory(prefix="beacon-sim-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.close()

    def add(self, at_us: int, record: bytes) -> None:
        """`record` is without line breaks."""
        self.first_us = at_us if self.first_us is None else min(self.first_us, at_us)
        self.last_us = at_us if self.last_us is None else max(self.last_us, at_us)
        self._run.append(b"%017d%012d%b\n" % (at_us, self._added, record))
        self._added += 1
        self._size += len(record) + 80
        if self._size >= self._run_bytes:
            self._spill()

    def _spill(self) -> None:
        path = self._folder / f"{len(self._runs):06d}"
        self._run.sort()
        with path.open("wb") as file:
            file.writelines(self._run)
        self._runs.append(path)
        self._run, self._size = [], 0

    def __iter__(self) -> Iterator[bytes]:
        self._run.sort()
        spilled = [self._kept.enter_context(path.open("rb")) for path in self._runs]
        for line in heapq.merge(*spilled, self._run):
            yield line[29:-1]
