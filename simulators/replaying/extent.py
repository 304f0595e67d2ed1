"""When a trace ends, for the estimate and for kept times: its header says so, or its last line."""

from collections import deque
from datetime import datetime
from pathlib import Path

import msgspec

from simulators.traces.model import Header
from simulators.traces.packed import lines_in


class _OnlyTime(msgspec.Struct):
    at: datetime


def ends_s(path: Path, header: Header) -> float | None:
    """None where neither says it, or where the trace is no file that can be read twice. Raises TraceError.

    A stream that was written as it came has no end in its header. Then the file is looked through beforehand without
    a look into its lines, some 100 MB a second.
    """
    if header.ends_at is not None:
        return header.ends_at.timestamp()
    if not path.is_file():
        return None
    last = deque(lines_in(path), maxlen=1)
    try:
        return max(header.begins_at, msgspec.json.decode(last[0][1], type=_OnlyTime).at).timestamp()
    except (msgspec.DecodeError, TypeError):
        return None  # a header alone; or it will be told when it is played so far
