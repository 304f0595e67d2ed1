"""Messages of JSON in a file, and what whoever recorded them wrote beside: when one came, and to which topic.

A line may be
    {"_type": "location", ...}                                  the message alone
    {"tst": ..., "topic": "...", "payload": {...}}              mosquitto_sub -F '%J' (or %j: the payload as a text)
    1793613600.250000000 a/topic {...}                          mosquitto_sub -F '%U %t %p'
    2026-11-02T10:00:00+0000 a/topic {...}                      mosquitto_sub -F '%I %t %p', to the second only
    2026-11-02T10:00:00Z<tab>*<spaces><tab>{...}                a .rec file of the OwnTracks Recorder
A file may also be one list of messages, or an object with such a list as `data`, as the Recorder answers.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from simulators.ilc import ConvertError
from simulators.traces.converting.observation import Observation, Tally, micros
from simulators.traces.model import TraceError
from simulators.traces.packed import UNREADABLE, lines_in, opened

# A list has to be held whole; what is longer should be written as one message a line.
LONGEST_LIST_BYTES = 64_000_000
_TIMED = re.compile(r"(\d{4}-\d\d-\d\dT\S+|\d{9,10}(?:\.\d{1,9})?)\s+(\S+)\s+([\[{].*)", re.DOTALL)
_UNTIMED = re.compile(r"[^\s{\[]\S*\s+[\[{]")
NO_OBJECT = "messages that are no objects, left out"


Seen = TypeVar("Seen", bound=Observation)


@dataclass(frozen=True, slots=True)
class Message:
    """`at_us` and `topic` are None where nobody wrote them down."""

    where: str
    body: dict[str, Any]
    at_us: int | None = None
    topic: str | None = None


def observed(path: Path, tally: Tally, parse: Callable[[Message, Tally], Seen | None]) -> Iterator[Seen]:
    """What `parse` makes of each message. It tells the tally what that is, and raises ValueError for the malformed."""
    for message in messages_in(path, tally):
        try:
            observation = parse(message, tally)
        except ValueError as error:
            tally.malformed(message.where, error)
        else:
            if observation is not None:
                yield observation


def messages_in(path: Path, tally: Tally) -> Iterator[Message]:
    """One after the other. What is malformed is told to `tally`, which may raise ConvertError."""
    try:
        listed = _listed(path)
        if listed is not None:
            for number, item in enumerate(listed, start=1):
                yield from _read(item, f"item {number} of {path}", tally)
            return
        for number, line in lines_in(path):
            if line.strip():
                yield from _of_line(line, f"line {number} of {path}", tally)
    except (TraceError, *UNREADABLE) as error:
        raise ConvertError(str(error)) from None


def _listed(path: Path) -> list[Any] | None:
    """The messages of a file that is one list; None where lines are messages."""
    with opened(path) as file:
        text = file.readline(LONGEST_LIST_BYTES)
        opens = text.lstrip()[:1]
        if opens not in (b"[", b"{"):
            return None
        if opens == b"[" or _parsed(text) is None:
            text += file.read(LONGEST_LIST_BYTES)
        if opens == b"[" and len(text) >= LONGEST_LIST_BYTES:
            raise ConvertError(
                f"{path} is a list of over {LONGEST_LIST_BYTES} bytes; write one message a line"
            )
        whole = _parsed(text)
        listed = whole.get("data") if isinstance(whole, dict) else whole
        return listed if isinstance(listed, list) else None


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _of_line(line: bytes, where: str, tally: Tally) -> Iterator[Message]:
    text = line.decode("utf-8", errors="replace").strip()
    timed = _TIMED.fullmatch(text)
    if not timed and _UNTIMED.match(text):
        tally.malformed(where, "does not say when it came; record with mosquitto_sub -F '%J' or '%U %t %p'")
        return
    try:
        if timed:
            at_us, topic = _time(timed[1]), None if timed[2] == "*" else timed[2]
            yield from _read(_object(timed[3]), where, tally, at_us, topic)
        else:
            yield from _read(_object(text), where, tally)
    except ValueError as error:
        tally.malformed(where, error)


def _time(text: str) -> int:
    return micros(text if "T" in text else float(text), "the time")


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error.msg} at character {error.pos + 1}") from None


def _read(
    told: Any, where: str, tally: Tally, at_us: int | None = None, topic: str | None = None
) -> Iterator[Message]:
    """With its envelope taken off, if it has one."""
    try:
        if isinstance(told, dict) and "payload" in told and "topic" in told:
            at_us = micros(told["tst"], "tst") if "tst" in told else None
            topic = str(told["topic"])
            payload = told["payload"]
            told = _parsed(payload.encode("utf-8", "replace")) if isinstance(payload, str) else payload
            # Bytes that are no text come as a list of numbers.
            told = told if isinstance(told, dict) else None
    except ValueError as error:
        tally.malformed(where, error)
        return
    if isinstance(told, list):
        for item in told:
            yield from _read(item, where, tally, at_us, topic)
    elif isinstance(told, dict):
        yield Message(where, told, at_us, topic)
    else:
        tally.became(NO_OBJECT)
