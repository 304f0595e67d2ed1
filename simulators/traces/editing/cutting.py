"""A part of a trace: a span of time, some phones, one site. What the kept reports rest on is kept with them.

Two passes over the file, so that memory grows with the phones and not with what they sent: the first finds who is
needed, the second writes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import msgspec

from simulators.traces.files import Lines, checked, open_trace, open_truth, truth_beside
from simulators.traces.model import (
    CustomerTold,
    Header,
    Identified,
    Line,
    Other,
    Registered,
    Report,
    Response,
    TraceError,
    Truth,
)

# What was told of somebody once and holds from then on.
Standing: TypeAlias = Registered | CustomerTold | Identified | Response


@dataclass(frozen=True, slots=True)
class Cut:
    """From `begins_at` on, before `ends_at`; None is no bound, and so is an empty set of installations."""

    begins_at: datetime | None = None
    ends_at: datetime | None = None
    installations: frozenset[str] = frozenset()
    site: str | None = None

    def within(self, at: datetime) -> bool:
        return (self.begins_at is None or at >= self.begins_at) and not self.past(at)

    def past(self, at: datetime) -> bool:
        return self.ends_at is not None and at >= self.ends_at


@dataclass(slots=True)
class Needed:
    """Whom the kept lines are about."""

    installations: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)

    def holds(self, line: Line) -> bool:
        installation, customer = _about(line)
        return installation in self.installations or (installation is None and customer in self.customers)


def cut_trace(
    source: Path, cut: Cut, progress: Callable[[float], None] = lambda _share: None
) -> tuple[Header, Iterator[Line]]:
    """The header and the lines of the part. TraceError where nobody knows who was at the site."""
    header, first_pass = open_trace(source, lambda share: progress(share / 2))
    _, second_pass = open_trace(source, lambda share: progress(0.5 + share / 2))
    if cut.site and header.sites and cut.site not in header.sites:
        raise TraceError(f"{cut.site} is none of the sites of {source}: {', '.join(header.sites)}")
    needed = _needed(_with_places(first_pass, header, cut), cut)
    if cut.installations and not needed.installations:
        raise TraceError(f"none of the phones named does anything in this part of {source}; see `inspect`")
    sites = (cut.site,) if cut.site else header.sites
    begins_at = max(filter(None, (header.begins_at, cut.begins_at)))
    ends_at = min(filter(None, (header.ends_at, cut.ends_at)), default=None)
    if ends_at is not None and ends_at < begins_at:
        raise TraceError(
            f"the part would end at {ends_at.isoformat()}, before it begins; see `inspect` for its times"
        )
    told = msgspec.structs.replace(header, begins_at=begins_at, ends_at=ends_at, sites=sites)
    return told, _kept(_with_places(second_pass, header, cut), cut, needed)


def _needed(lines: Iterable[tuple[Line, bool]], cut: Cut) -> Needed:
    """Of the phones those that do something within the part, of the customers those that are theirs or do so too."""
    needed, owners = Needed(), dict[str, set[str]]()
    for line, here in lines:
        if cut.past(line.at):
            break
        installation, customer = _about(line)
        if isinstance(line, Identified):
            owners.setdefault(line.installation_id, set()).add(line.customer_id)
        if not here or not cut.within(line.at):
            continue
        if installation is not None and (not cut.installations or installation in cut.installations):
            needed.installations.add(installation)
        elif customer is not None and not cut.installations and cut.site is None:
            needed.customers.add(customer)
    for installation in needed.installations:
        needed.customers |= owners.get(installation, set())
    return needed


def _kept(lines: Iterable[tuple[Line, bool]], cut: Cut, needed: Needed) -> Iterator[Line]:
    """What was told of the needed before the part begins is told at its beginning, in the same order."""
    for line, here in lines:
        if cut.past(line.at):
            return
        if not cut.within(line.at):
            if isinstance(line, Standing) and needed.holds(line):
                assert cut.begins_at is not None, "nothing is before a part without a beginning"
                yield msgspec.structs.replace(line, at=cut.begins_at)
        elif _is_kept(line, needed, here=here):
            yield line


def _is_kept(line: Line, needed: Needed, *, here: bool) -> bool:
    installation, customer = _about(line)
    if isinstance(line, Report) and not here:
        return False
    return (installation is None and customer is None) or needed.holds(line)


def _about(line: Line) -> tuple[str | None, str | None]:
    """Installation and customer; of a kind that is not known what it says by these names."""
    if isinstance(line, Other):
        try:
            told = _ids.decode(line.raw)
        except msgspec.DecodeError:
            return None, None
        return told.installation_id, told.customer_id
    return getattr(line, "installation_id", None), getattr(line, "customer_id", None)


class _Ids(msgspec.Struct, frozen=True):
    installation_id: str | None = None
    customer_id: str | None = None


_ids = msgspec.json.Decoder(_Ids)


def _with_places(lines: Lines[Line], header: Header, cut: Cut) -> Iterator[tuple[Line, bool]]:
    """Each line, and whether its phone was at the site then, by the truth beside the trace."""
    if cut.site is None or header.sites == (cut.site,):
        yield from ((line, True) for line in checked(lines))
        return
    path = truth_beside(lines.path)
    if not path.exists():
        raise TraceError(f"{path} is not there: without the truth nobody knows who was at {cut.site}")
    _, moments = open_truth(path)
    at_site: set[str] = set()
    moment = next(moments, None)
    for line in checked(lines):
        while moment is not None and moment.at <= line.at:
            (at_site.add if moment.site == cut.site else at_site.discard)(moment.installation_id)
            moment = next(moments, None)
        installation, _ = _about(line)
        yield line, isinstance(line, Other) or installation in at_site


def cut_truth(source: Path, cut: Cut) -> Iterator[Truth]:
    """The truth of the same part."""
    _, moments = open_truth(truth_beside(source))
    for moment in moments:
        if cut.past(moment.at):
            return
        chosen = not cut.installations or moment.installation_id in cut.installations
        if cut.within(moment.at) and chosen and cut.site in (None, moment.site):
            yield moment
