"""Granian, with the application's modules read before it forks its web processes.

Reading them takes a second or two of a processor. A web process that takes the place of one that died so starts at
once, and all share that part of their memory. Nothing is opened here: connections and threads begin in each process.
"""

import gc
import multiprocessing

from granian.cli import entrypoint

import beacon_service.app  # noqa: F401 - read, so that it is there in every process


def main() -> None:
    # Collected objects would be moved about in each process, and their memory be shared no more.
    gc.freeze()
    multiprocessing.set_start_method("fork")
    entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
