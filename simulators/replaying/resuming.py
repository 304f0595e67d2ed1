"""What is kept of a replay that was stopped, so that it goes on: one file of lines of JSON, for its owner alone.

It holds the phones' tokens, and pings that found no answer exactly as they were told: sent again they are the same.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from simulators.replaying.actions import Action
from simulators.replaying.clock import TraceClock, now_s
from simulators.replaying.lanes import Lane
from simulators.replaying.phone import Phone
from simulators.replaying.player import Player
from simulators.replaying.record import Record
from simulators.traces.files import bytes_of
from simulators.traces.model import Header
from simulators.traces.packed import lines_in

FORMAT = "beacon-replay"


class ResumeError(Exception):
    """A replay cannot go on from this file; the message says why."""


class Settings(Struct, frozen=True):
    """What must be the same when it goes on. Keys are not kept."""

    url: str
    run: str
    seed: int
    batch: int | None
    inbox_every_s: float | None
    settle_s: float


class Stopped(Struct, frozen=True, tag="replay", tag_field="kind"):
    """The first line. `trace`: a digest of the trace's header."""

    format: str
    trace: str
    settings: Settings
    clock: TraceClock
    record: Record
    line: int
    trace_s: float
    serial: int


class KeptPhone(Struct, frozen=True, tag="phone", tag_field="kind"):
    where: Literal["here", "going", "asleep"]
    phone: Phone
    queue: list[Action] = []


class KeptCustomer(Struct, frozen=True, tag="customer", tag_field="kind"):
    """`phone`: the one that is known to be theirs; `queue`: what is still to be told of them."""

    name: str
    phone: str | None = None
    queue: list[Action] = []


class KeptEntry(Struct, frozen=True, tag="due", tag_field="kind"):
    """Something that is to be done at a time of its own."""

    due_s: float
    serial: int
    phone: str
    action: Action


Kept = KeptPhone | KeptCustomer | KeptEntry
_stopped = msgspec.json.Decoder(Stopped)
_kept: "msgspec.json.Decoder[Kept]" = msgspec.json.Decoder(Kept)
_encode = msgspec.json.Encoder().encode


def digest(header: Header) -> str:
    return hashlib.sha256(bytes_of(header)).hexdigest()


def write_stopped(path: Path, player: Player, settings: Settings, header: Header) -> None:
    """Written beside and renamed, so that the file is whole. Raises OSError."""
    stopped = Stopped(
        format=FORMAT,
        trace=digest(header),
        settings=settings,
        clock=player.clock,
        record=player.record,
        line=player.place.line,
        trace_s=player.place.trace_s,
        serial=player.stage.agenda.serial,
    )
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_encode(stopped) + b"\n")
            for kept in _all(player):
                file.write(_encode(kept) + b"\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _all(player: Player) -> Iterator[Kept]:
    stage = player.stage
    for lane in stage.people.here.values():
        yield _phone("here", lane)
    for lane in stage.people.going.values():
        yield _phone("going", lane)
    for asleep in stage.people.asleep.values():
        yield KeptPhone("asleep", msgspec.msgpack.decode(asleep, type=Phone))
    for name, phone in stage.phone_of.items():
        yield KeptCustomer(name, phone)
    for name, lane in stage.customers.items():
        yield KeptCustomer(name, None, list(lane.queue))
    for due_s, serial, phone, action in stage.agenda.entries:
        yield KeptEntry(due_s, serial, phone, action)


def _phone(where: Literal["here", "going"], lane: Lane) -> KeptPhone:
    assert lane.phone is not None, "it is a phone's lane"
    return KeptPhone(where, lane.phone, list(lane.queue))


def read_stopped(path: Path, header: Header) -> Stopped:
    """How it was played and how far. Raises ResumeError, also where that was another trace."""
    try:
        _, first = next(lines_in(path), (1, b""))
        stopped = _stopped.decode(first)
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise ResumeError(f"{path} is no file of a replay that was stopped: {error}") from None
    if stopped.format != FORMAT:
        raise ResumeError(f"{path} is no file of a replay that was stopped")
    if stopped.trace != digest(header):
        raise ResumeError(f"{path} was written by a replay of another trace")
    return stopped


def go_on(path: Path, player: Player, stopped: Stopped) -> None:
    """Puts everybody and all that was still to be done where it was. The time between is left out.

    The speed may be another from here on.
    """
    stage = player.stage
    player.place.line, player.place.trace_s = stopped.line, stopped.trace_s
    player.clock.goes_on(stopped.trace_s, now_s())
    stage.agenda.serial = stopped.serial
    for number, line in lines_in(path):
        if number == 1:
            continue
        try:
            _put(player, _kept.decode(line))
        except (msgspec.DecodeError, ValueError) as error:
            raise ResumeError(f"line {number} of {path}: {error}") from None


def _put(player: Player, kept: Kept) -> None:
    people, stage = player.stage.people, player.stage
    if isinstance(kept, KeptEntry):
        stage.agenda.add(kept.due_s, kept.phone, kept.action)
    elif isinstance(kept, KeptCustomer):
        if kept.phone is not None:
            stage.phone_of[kept.name] = kept.phone
        if kept.queue:
            stage.customers[kept.name] = Lane(kept.name, None, deque(kept.queue))
    elif kept.where == "asleep":
        people.asleep[kept.phone.name] = msgspec.msgpack.encode(kept.phone)
    else:
        where = people.here if kept.where == "here" else people.going
        # It counts as one that failed: what waits goes together, and is not held to have been late.
        where[kept.phone.name] = Lane(kept.phone.name, kept.phone, deque(kept.queue), failures=1)
