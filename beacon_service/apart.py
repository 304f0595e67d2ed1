"""Work in a process of its own: it keeps a processor busy for long, and must neither hold up timers nor pings.

Such a process says on stdout what it has to say, a message a line, and ends with status 0. It is ended with whoever
began it: by the block that it runs in, or because nobody hears it any more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from time import monotonic
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Whoever watches sees it move, and the database is written to no more often than that.
TELL_EVERY_S = 1.0
# An end, or a stop, is noticed so soon.
LOOK_EVERY_S = 0.05
# Behind everybody who waits for an answer.
NICENESS = 10
# One library's threads would take all processors, and timers have none then.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class StoppedError(Exception):
    """Whoever began it is asked to end; what was begun can be begun anew."""


def run_apart(
    program: Sequence[str],
    hear: Callable[[bytes], None],
    meanwhile: Callable[[], None],
    *,
    given: bytes = b"",
    stopped: threading.Event | None = None,
) -> int:
    """Run `python -m program`, a module and its arguments, which finds `given` on stdin.

    Answers its status, below 0 for a signal.

    `hear` is called with each line that it says, by a thread, and `meanwhile` about once a second; what that raises
    ends the process. Raises StoppedError once `stopped` is set.
    """
    stopped = stopped or threading.Event()
    with _process([sys.executable, "-m", *program], given) as child:
        assert child.stdout is not None
        hearing = _Hearing(child.stdout, hear)
        next_at = monotonic() + TELL_EVERY_S
        while child.poll() is None:
            if stopped.wait(LOOK_EVERY_S):
                raise StoppedError
            if monotonic() >= next_at:
                meanwhile()
                next_at = monotonic() + TELL_EVERY_S
        hearing.join()
        if hearing.failed is not None:
            raise hearing.failed
        return child.returncode


def begin_apart() -> Callable[[bytes], None]:
    """What the process does first; answers how to say a line. Whatever else it would print goes to stderr."""
    os.nice(NICENESS)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(line: bytes) -> None:
        try:
            out.write(line + b"\n")
            out.flush()
        except BrokenPipeError:
            # Whoever asked for it is gone, and nobody is left to say anything to.
            os._exit(1)

    return say


@contextmanager
def _process(command: Sequence[str], given: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which does not outlive the block. What it is given has no name that others could find it by."""
    with tempfile.TemporaryFile() as stdin:
        stdin.write(given)
        stdin.seek(0)
        child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, env=os.environ | ONE_THREAD)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


class _Hearing(threading.Thread):
    """Reads the lines as they come, so that the process never waits to be heard."""

    def __init__(self, lines: IO[bytes], hear: Callable[[bytes], None]) -> None:
        super().__init__(daemon=True)
        self._lines = lines
        self._hear = hear
        self.failed: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            for line in self._lines:
                if self.failed is None:
                    self._hear(line)
        except Exception as error:  # noqa: BLE001 - raised where it was begun
            self.failed = error
