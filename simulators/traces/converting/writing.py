"""From a foreign recording to a trace, with the truth beside it where the recording has one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import msgspec

from simulators.ilc import ConvertError
from simulators.traces.converting import altbeacon, gateways, gpx, owntracks, walks_csv
from simulators.traces.converting.observation import EPOCH, Choice, Observation, Tally, instant
from simulators.traces.converting.pinging import every, put, reports, with_registrations
from simulators.traces.converting.sorting import ByTime
from simulators.traces.files import truth_beside, write_trace, write_truth
from simulators.traces.model import Header, Line, Note, Truth, TruthHeader

Reader = Callable[[Path, Tally, Choice], Iterable[Observation]]
MOST_NOTES = 1_000


@dataclass(frozen=True, slots=True)
class Format:
    """`platform` is what the phones are said to be, as far as the recording tells."""

    read: Reader
    platform: str
    read_truth: Callable[[Path, Tally, Choice], Iterable[Truth]] | None = None


FORMATS = {
    "csv": Format(walks_csv.read, "android", walks_csv.read_truth),
    "gpx": Format(gpx.read, "unknown"),
    "owntracks": Format(owntracks.read, "unknown"),
    "theengs": Format(gateways.read_theengs, "tag"),
    "espresense": Format(gateways.read_espresense, "tag"),
    "altbeacon": Format(altbeacon.read, "android"),
}


@dataclass(slots=True)
class Written:
    lines: int = 0
    reports: int = 0
    pings: int = 0
    phones: int = 0
    truth: Path | None = None


def convert_to_trace(source: Path, out: Path, form: str, choice: Choice, tally: Tally) -> Written:
    """Raises ConvertError, or TraceError where the trace cannot be written; then nothing is."""
    wanted = FORMATS[form]
    if choice.site is None and form == "csv":
        choice = replace(choice, site=walks_csv.site_of(source))
    if not source.exists():
        raise ConvertError(f"{source} is not there")
    written = Written()
    with ByTime() as spool, ByTime() as truth:
        for observation in wanted.read(source, tally, choice):
            put(spool, observation)
        if spool.first_us is None or spool.last_us is None:
            raise ConvertError(
                f"nothing in {source} could be read as {form} ({told(tally) or 'it is empty'}); no trace is written"
            )
        if wanted.read_truth is not None:
            _put_truth(truth, wanted.read_truth(source, tally, choice))
        ends_us = (spool.last_us // every(choice) + 1) * every(choice)
        header = Header(
            made_by=f"beacon-sim convert --from {form}",
            begins_at=instant(spool.first_us),
            ends_at=instant(ends_us),
            sites=(choice.site,) if choice.site else (),
        )
        lines = with_registrations(reports(spool, choice), wanted.platform, choice)
        written.lines = write_trace(out, header, _counted(chain(_notes(tally, header), lines), written))
        if truth.first_us is not None:
            written.truth = truth_beside(out)
            write_truth(written.truth, TruthHeader(trace=out.name), map(_truth.decode, truth))
    return written


_truth = msgspec.json.Decoder(Truth)


def _put_truth(spool: ByTime, told: Iterable[Truth]) -> None:
    for moment in told:
        spool.add(round((moment.at - EPOCH).total_seconds() * 1_000_000), msgspec.json.encode(moment))


def _notes(tally: Tally, header: Header) -> Iterator[Line]:
    """What a reader of the trace must know: which beacon stands for which receiver."""
    for what in sorted(tally.notes)[:MOST_NOTES]:
        yield Note(at=header.begins_at, text=f"{what} {tally.notes[what]}"[:4_096])


def _counted(lines: Iterable[Line], written: Written) -> Iterator[Line]:
    for line in lines:
        kind = type(line).__name__
        written.phones += kind == "Registered"
        if kind == "Report":
            written.reports += 1
            written.pings += len(line.pings)  # type: ignore[union-attr]
        yield line


def told(tally: Tally) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(tally.counts.items()) if count)
