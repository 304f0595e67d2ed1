"""Names of the trace as the service is told them: with the run's before them, so that each replay is of new people.

Otherwise a second replay would be of phones whose tokens nobody has, and of customers whose caps are used up.
"""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass

LONGEST = 64
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,40}")


class NameTooLongError(Exception):
    """Together with the run's a name is longer than the service takes; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Names:
    """`run` is empty where names are to stay as the trace has them."""

    run: str

    def __post_init__(self) -> None:
        if self.run and not _NAME.fullmatch(self.run):
            raise ValueError(
                f"{self.run!r} cannot name a run: up to 40 letters, digits, dots, colons, - and _"
            )

    @property
    def prefix(self) -> str:
        return f"{self.run}-" if self.run else ""

    def told(self, name: str) -> str:
        """Of an installation or a customer."""
        told = self.prefix + name
        if len(told) > LONGEST:
            raise NameTooLongError(
                f"{told} is longer than the {LONGEST} characters that the service takes; "
                "name the run more shortly with --as"
            )
        return told

    def own(self, told: str) -> str | None:
        """The trace's name of what the service told of; None where it is none of this run."""
        return told.removeprefix(self.prefix) if told.startswith(self.prefix) else None

    def of_event(self, name: str) -> str:
        """Events are never told back, so that a long name may be a digest."""
        told = self.prefix + name
        return told if len(told) <= LONGEST else hashlib.sha256(told.encode()).hexdigest()


def new_run() -> str:
    """Of no other replay, also where two begin in the same second."""
    return f"replay-{time.strftime('%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
