"""What a command says on stderr while it works, and how it ends early: with a sentence, nothing left behind."""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from rich.console import Console
from rich.status import Status

from beacon_service.postgresql import ClusterError

ABSOLUTE_PATH = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")
# An estimate that is made sooner than this is not worth telling.
WORTH_TELLING_S = 20

progress = Console(stderr=True, highlight=False)


class Failed(Exception):  # noqa: N818 - what happened, told as it stands
    """Something is not as the measuring needs it."""


def ending(what: str, work: Callable[[], int | None]) -> int:
    """Do the work and give its exit status, 0 if it has none; where it ends early, say why.

    A polite end, by hand or by signal, unwinds it too: servers and the cluster go with it.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return work() or 0
    except (Failed, ClusterError, OSError, psycopg.Error) as failure:
        complain(f"{what} ended early: {without_paths(str(failure))}")
        return 1
    except KeyboardInterrupt:
        return 130


def complain(sentence: str) -> None:
    progress.print(sentence, markup=False, style="red")


def without_paths(text: str) -> str:
    """The text with directories left out: where things lie on this machine is nobody's business."""
    return ABSOLUTE_PATH.sub("", text)


@contextmanager
def told(what: str) -> Iterator[Status]:
    """Say what takes so long, and how long it took."""
    began = time.perf_counter()
    with progress.status(what) as status:
        yield status
    progress.print(f"{what}: {time.perf_counter() - began:.1f} s", markup=False)


@contextmanager
def counted(what: str, of: float) -> Iterator[Callable[[float], None]]:
    """As `told`, with how far it is and about how long it will take yet; to be called with what is done."""
    began = time.perf_counter()
    with told(what) as status:

        def done(so_far: float) -> None:
            share, taken_s = so_far / of, time.perf_counter() - began
            left_s = taken_s * (1 - share) / share if 0 < share < 1 and taken_s > WORTH_TELLING_S else None
            left = "" if left_s is None else f", about {left_s / 60:.0f} min left"
            status.update(f"{what}: {share:.0%}{left}")

        yield done
