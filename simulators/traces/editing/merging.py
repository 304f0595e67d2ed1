"""Several traces into one, in order of time. One line of each is held."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from simulators.traces.files import checked, open_trace, open_truth, truth_beside
from simulators.traces.model import EventTold, Header, Line, Other, TraceError, Truth

L = TypeVar("L", Line, Truth)
MADE_BY = "beacon-sim merge"
LONGEST_NOTE = 4_096


class Overlaps:
    """Phones that stand in more than one source: counted, as they may be meant or a mistake."""

    def __init__(self) -> None:
        self.shared: set[str] = set()
        self._of: dict[str, int] = {}

    def watch(self, line: Line, number: int) -> Line:
        installation = getattr(line, "installation_id", None)
        if installation is not None and self._of.setdefault(installation, number) != number:
            self.shared.add(installation)
        return line


def merge_traces(
    sources: Sequence[Path],
    prefixes: Sequence[str],
    overlaps: Overlaps,
    progress: Callable[[float], None] = lambda _share: None,
) -> tuple[Header, Iterator[Line]]:
    """`prefixes` are as many as the sources, or none. At the same instant the earlier source comes first."""
    shares = [0.0] * len(sources)

    def read(number: int, share: float) -> None:
        shares[number] = share
        progress(sum(shares) / len(shares))

    opened = [open_trace(source, partial(read, number)) for number, source in enumerate(sources)]
    given = prefixes or [""] * len(sources)
    streams = [
        _named(checked(lines), prefix, overlaps, number)
        for number, ((_, lines), prefix) in enumerate(zip(opened, given, strict=True))
    ]
    return _header([header for header, _ in opened]), _by_time(streams)


def _named(lines: Iterable[Line], prefix: str, overlaps: Overlaps, number: int) -> Iterator[Line]:
    for line in lines:
        yield overlaps.watch(_prefixed(line, prefix), number)


def merge_truth(sources: Sequence[Path], prefixes: Sequence[str]) -> Iterator[Truth]:
    """Of those sources that have truth beside them."""
    named = [
        _moments(truth_beside(source), prefix)
        for source, prefix in zip(sources, prefixes or [""] * len(sources), strict=True)
        if truth_beside(source).exists()
    ]
    return _by_time(named)


def _moments(path: Path, prefix: str) -> Iterator[Truth]:
    for moment in open_truth(path)[1]:
        yield _renamed(moment, prefix)


def _by_time(streams: Sequence[Iterable[L]]) -> Iterator[L]:
    return heapq.merge(*streams, key=lambda line: line.at)


def _header(headers: Sequence[Header]) -> Header:
    """Known to end only where all are. The note tells what the sources were made by."""
    ends = [header.ends_at for header in headers]
    origins = dict.fromkeys(header.made_by for header in headers)
    return Header(
        made_by=MADE_BY,
        begins_at=min(header.begins_at for header in headers),
        ends_at=None if None in ends else max(end for end in ends if end is not None),
        sites=tuple(dict.fromkeys(site for header in headers for site in header.sites)),
        note="; ".join(origins)[:LONGEST_NOTE],
    )


def _prefixed(line: Line, prefix: str) -> Line:
    """Kinds that are not known stay as they are, names and all."""
    if not prefix or isinstance(line, Other):
        return line
    named = _renamed(line, prefix)
    if isinstance(named, EventTold) and isinstance(named.event.get("event_id"), str):
        event = named.event | {"event_id": _with(prefix, named.event["event_id"])}
        return msgspec.structs.replace(named, event=event)
    return named


S = TypeVar("S", bound=msgspec.Struct)


def _renamed(line: S, prefix: str) -> S:
    told = {name: getattr(line, name, None) for name in ("installation_id", "customer_id")}
    names = {name: _with(prefix, value) for name, value in told.items() if value is not None}
    return msgspec.structs.replace(line, **names) if prefix else line


def _with(prefix: str, name: str) -> str:
    if len(prefix) + len(name) > 64:
        raise TraceError(
            f"{prefix}{name} is longer than the 64 characters of a name; choose a shorter prefix"
        )
    return prefix + name
