"""What an edit changed, field by field. Pure."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from beacon_service.configuration.schema import pointer

# A drawing of ten thousand corners is no reading matter.
LONGEST_SHOWN = 2000


class FieldChange(NamedTuple):
    """`path` is a JSON pointer (RFC 6901); None stands for what is not there."""

    path: str
    before: Any
    after: Any


def changes_between(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> Iterator[FieldChange]:
    """The differences of two documents, each as deep as it can be told; lists of other lengths are told whole."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from changes_between(before.get(name), after.get(name), (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changes_between(one, other, (*path, number))
    else:
        yield FieldChange(pointer(path), _shown(before), _shown(after))


def _shown(value: Any) -> Any:
    length = len(msgspec.json.encode(value))
    return value if length <= LONGEST_SHOWN else f"({length} bytes)"
