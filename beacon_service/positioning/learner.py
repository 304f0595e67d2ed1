"""Learning in a process of its own.

`python -m beacon_service.positioning.learner FOLDER` reads `given` there, says on stdout how far it is, a line of JSON
at a time, and leaves `map` and `report` behind. `learn_apart` runs it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import shapely

from beacon_service.apart import StoppedError, begin_apart, run_apart
from beacon_service.positioning.survey import SurveyError
from beacon_service.positioning.surveys import LearnedMap, unpack

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from shapely.geometry.base import BaseGeometry

    from beacon_service.positioning.survey import SurveyWalk


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
    last = Told()

    def hear(line: bytes) -> None:
        nonlocal last
        last = msgspec.json.decode(line, type=Told)

    with tempfile.TemporaryDirectory(prefix="beacon-learning-") as folder:
        Path(folder, "given").write_bytes(msgspec.msgpack.encode(given))
        try:
            status = run_apart([__name__, folder], hear, lambda: tell(last), stopped=stopped)
        except StoppedError:
            raise LearningStopped from None
        if last.error is not None:
            raise SurveyError(last.error)
        if status != 0:
            raise LearnerDied(f"the learning process ended with status {status}")
        report = msgspec.json.decode(Path(folder, "report").read_bytes())
        return LearnedMap(Path(folder, "map").read_bytes(), report)


def main(folder: Path) -> None:
    """What the learning process does."""
    from beacon_service.positioning.belief import prepare  # noqa: PLC0415 - whoever runs it need not load it
    from beacon_service.positioning.learning import learn  # noqa: PLC0415
    from beacon_service.zones.packed_map import packed  # noqa: PLC0415

    say_line = begin_apart()

    def say(told: Told) -> None:
        say_line(msgspec.json.encode(told))

    given = msgspec.msgpack.decode((folder / "given").read_bytes(), type=Given)
    floors = {floor: shapely.from_wkb(shape) for floor, shape in given.floors.items()}
    try:
        learned = learn(given.walks(), floors, lambda share, doing: say(Told(share, doing)))
    except SurveyError as error:
        say(Told(error=str(error)))
        return
    say(Told(1.0, "packing"))
    (folder / "map").write_bytes(packed(learned))
    report: Any = dict(learned.report) | {"floors": list(learned.lattice.floors)}
    (folder / "report").write_bytes(msgspec.json.encode(report))
    # What it takes to locate by it is compiled once for all processes of the machine.
    say(Told(1.0, "preparing"))
    prepare(learned)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
