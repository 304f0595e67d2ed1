"""Tracks of GPX 1.1 (and 1.0, which writes tracks alike): each track becomes a phone that tells its position.

Read are `trk`, its `name`, and of each `trkpt` lat, lon, `time` and `hdop`. Waypoints (`wpt`) and routes (`rte`) are
places, not a way in time, and stay behind.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

from simulators.ilc import ConvertError
from simulators.traces.converting.observation import Choice, Sent, Tally, micros, phone_name
from simulators.traces.converting.pinging import position
from simulators.traces.model import TraceError
from simulators.traces.packed import UNREADABLE, opened

# One metre in a good sky for each unit of dilution would be too fair to phones: their ranges err by about five.
METRES_A_DILUTION = 5.0
_CHUNK_BYTES = 65_536
_READ_TEXT = ("name", "time", "hdop")
# Names are shown, and so is what else is read; nothing of it is longer.
_LONGEST_TEXT = 1_000


@dataclass(slots=True)
class _Tracks:
    """Where in the file the parser is, and the points that it has come past."""

    path: Path
    tally: Tally
    accuracy_m: float
    where: list[str] = field(default_factory=list)
    text: str = ""
    track: str = ""
    tracks: Counter[str] = field(default_factory=Counter)
    point: dict[str, str] | None = None
    line: int = 0
    done: list[Sent] = field(default_factory=list)

    def opens(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = name.rpartition(":")[2]
        if not self.where and name != "gpx":
            raise ConvertError(f"line {line} of {self.path}: begins with <{name}>, is no GPX")
        self.where.append(name)
        self.text = ""
        if name == "trk":
            self._names_track("track")
        elif name == "trkpt":
            self.point, self.line = dict(attributes), line
        elif name in ("wpt", "rtept"):
            self.tally.became("waypoints and points of routes, left out")

    def closes(self, name: str) -> None:
        name = self.where.pop()
        parent = self.where[-1] if self.where else ""
        if name in _READ_TEXT and parent == "trkpt" and self.point is not None:
            self.point[name] = self.text.strip()
        elif name == "name" and parent == "trk" and self.text.strip():
            self.tracks[self.track] -= 1
            self._names_track(self.text.strip())
        elif name == "trkpt" and self.point is not None:
            self._ends_point(self.point)
            self.point = None

    def says(self, text: str) -> None:
        if self.where and self.where[-1] in _READ_TEXT and len(self.text) < _LONGEST_TEXT:
            self.text += text

    def _names_track(self, name: str) -> None:
        """Two tracks of one name are two phones: they may well be at two places at once."""
        self.tracks[name] += 1
        self.track = name if self.tracks[name] == 1 else f"{name}-{self.tracks[name]}"

    def _ends_point(self, point: dict[str, str]) -> None:
        try:
            self.done.append(_sent(point, self.track, self.accuracy_m))
        except ValueError as error:
            self.tally.malformed(f"line {self.line} of {self.path}", error)
        else:
            self.tally.became("positions")


def _sent(point: dict[str, str], track: str, accuracy_m: float) -> Sent:
    if "time" not in point:
        raise ValueError("the point has no time, so nobody was ever there")
    at_us = micros(_with_zone(point["time"]), "time")
    if "hdop" in point:
        accuracy_m = METRES_A_DILUTION * position(0, 0, point["hdop"])["accuracy_m"]
    there = position(point.get("lat"), point.get("lon"), accuracy_m)
    return Sent(at_us, phone_name(track), at_us, at_us, {"position": there})


def _with_zone(text: str) -> str:
    """GPX is in UTC, and some writers leave its Z out."""
    return text if text.endswith(("Z", "z")) or "+" in text or text.count("-") > 2 else text + "Z"


def read(source: Path, tally: Tally, choice: Choice) -> Iterator[Sent]:
    tracks = _Tracks(source, tally, choice.accuracy_m)
    parser = ParserCreate()
    parser.StartElementHandler = lambda name, attributes: tracks.opens(
        name, attributes, parser.CurrentLineNumber
    )
    parser.EndElementHandler = tracks.closes
    parser.CharacterDataHandler = tracks.says
    parser.StartDoctypeDeclHandler = _refuse_entities(source)
    try:
        with opened(source) as file:
            while chunk := file.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
                yield from tracks.done
                tracks.done.clear()
            parser.Parse(b"", True)
        yield from tracks.done
    except ExpatError as error:
        raise ConvertError(f"line {error.lineno} of {source}: is no XML ({error})") from None
    except (TraceError, *UNREADABLE) as error:
        raise ConvertError(str(error)) from None


def _refuse_entities(source: Path) -> Callable[..., None]:
    """No GPX declares a document type; who does may mean to fill the memory with entities."""

    def refuse(*_told: object) -> None:
        raise ConvertError(f"{source} declares a document type, as no GPX does; take the DOCTYPE out")

    return refuse
