"""Learning in a process of its own: it keeps a processor busy for a while, and must neither hold up timers nor pings.

`python -m beacon_service.positioning.learner FOLDER` reads `given` there, says on stdout how far it is, a line of JSON
at a time, and leaves `map` and `report` behind. `learn_apart` runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import shapely

from beacon_service.positioning.survey import SurveyError
from beacon_service.positioning.surveys import LearnedMap, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shapely.geometry.base import BaseGeometry

    from beacon_service.positioning.survey import SurveyWalk

# Whoever watches sees it move, and the database is written to no more often than that.
TELL_EVERY_S = 1.0
# Behind everybody who waits for an answer.
NICENESS = 10
# One library's threads would take all processors, and timers have none then.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class LearningStopped(Exception):  # noqa: N818 - nothing went wrong
    """Whoever learns is asked to end; what was begun is begun anew by another."""


class LearnerDied(Exception):  # noqa: N818 - it says what became of it
    """The learning process ended without a map and without a reason; what it said last is in the log."""


class Given(msgspec.Struct):
    """What a map is learned from: packed surveys by number, and the floors from the lowest, as WKB."""

    surveys: dict[int, bytes]
    floors: dict[str, bytes]

    @classmethod
    def of(cls, surveys: Mapping[int, bytes], floors: Mapping[str, BaseGeometry]) -> Given:
        return cls(dict(surveys), {floor: shapely.to_wkb(shape) for floor, shape in floors.items()})

    def walks(self) -> list[SurveyWalk]:
        """Traces of different surveys may be named alike."""
        return [
            walk._replace(trace=f"{number}/{walk.trace}")
            for number, body in self.surveys.items()
            for walk in unpack(body)
        ]


class Told(msgspec.Struct):
    """A line of the learning process."""

    share: float = 0.0
    doing: str = "starting"
    error: str | None = None


def learn_apart(
    given: Given, tell: Callable[[Told], None], stopped: threading.Event | None = None
) -> LearnedMap:
    """Learn in another process and tell about once a second how far it is.

    Raises SurveyError where nothing can be learned, LearnerDied, and LearningStopped once `stopped` is set.
    """
    stopped = stopped or threading.Event()
    with tempfile.TemporaryDirectory(prefix="beacon-learning-") as folder:
        Path(folder, "given").write_bytes(msgspec.msgpack.encode(given))
        with _learner(folder) as child:
            hears = _Hears(child.stdout)
            while child.poll() is None:
                if stopped.wait(TELL_EVERY_S):
                    raise LearningStopped
                tell(hears.last)
            hears.join()
        if hears.last.error is not None:
            raise SurveyError(hears.last.error)
        if child.returncode != 0:
            raise LearnerDied(f"the learning process ended with status {child.returncode}")
        report = msgspec.json.decode(Path(folder, "report").read_bytes())
        return LearnedMap(Path(folder, "map").read_bytes(), report)


@contextmanager
def _learner(folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which does not outlive the block."""
    command = [sys.executable, "-m", __name__, folder]
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=os.environ | ONE_THREAD
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


class _Hears(threading.Thread):
    """Reads the lines of the learning process as they come, so that it never waits to be heard."""

    def __init__(self, lines: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert lines is not None
        self._lines = lines
        self.last = Told()
        self.start()

    def run(self) -> None:
        for line in self._lines:
            self.last = msgspec.json.decode(line, type=Told)


def main(folder: Path) -> None:
    """What the learning process does."""
    from beacon_service.positioning.belief import prepare  # noqa: PLC0415 - whoever runs it need not load it
    from beacon_service.positioning.learning import learn  # noqa: PLC0415
    from beacon_service.zones.packed_map import packed  # noqa: PLC0415

    os.nice(NICENESS)
    given = msgspec.msgpack.decode((folder / "given").read_bytes(), type=Given)
    floors = {floor: shapely.from_wkb(shape) for floor, shape in given.floors.items()}
    try:
        learned = learn(given.walks(), floors, lambda share, doing: _say(Told(share, doing)))
    except SurveyError as error:
        _say(Told(error=str(error)))
        return
    _say(Told(1.0, "packing"))
    (folder / "map").write_bytes(packed(learned))
    report: Any = dict(learned.report) | {"floors": list(learned.lattice.floors)}
    (folder / "report").write_bytes(msgspec.json.encode(report))
    # What it takes to locate by it is compiled once for all processes of the machine.
    _say(Told(1.0, "preparing"))
    prepare(learned)


def _say(told: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except BrokenPipeError:
        # Whoever asked for it is gone, and nobody is left to say anything to.
        os._exit(1)
