"""Requests that arrive together share one transaction: most of what a single ping costs is its transaction.

Nobody waits for company. One thread decides for all of a process: while a group is in its transaction the next one
queues up, and goes as a whole when its turn comes ("group commit"). That the turn never passes from thread to thread
matters more than the hop to this one and back: a thread that is woken has to win the interpreter first, and with
many at work a turn stood idle longer than it took.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, TypeVar

from beacon_service.errors import ServiceUnavailable

# One computes while the other waits for the database; a third would only fight them for the interpreter.
LARGE_AT_ONCE = 2
# Behind a locked customer they would queue up until no thread is left for anybody else.
LONGEST_WAIT_S = 5.0

Job = TypeVar("Job")
Result = TypeVar("Result")


class _Ticket(NamedTuple, Generic[Job, Result]):
    job: Job
    answer: "Future[Result]"


class Together(Generic[Job, Result]):
    """Runs jobs of many threads in groups; each thread gets its own result, or its own exception."""

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        *,
        size: Callable[[Job], int],
        most: int,
    ) -> None:
        """`run` answers for each job; a group is of `most` in `size` unless one job alone is larger."""
        self._run = run
        self._size = size
        self._most = most
        self._large = threading.Semaphore(LARGE_AT_ONCE)
        self._queue: SimpleQueue[_Ticket[Job, Result]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def __call__(self, job: Job) -> Result:
        if self._size(job) >= self._most:
            if not self._large.acquire(timeout=LONGEST_WAIT_S):
                raise ServiceUnavailable("Too many large batches at once; send this one again.")
            try:
                return _of(self._run([job])[0])
            finally:
                self._large.release()
        ticket: _Ticket[Job, Result] = _Ticket(job, Future())
        self._queue.put(ticket)
        if self._thread is None or not self._thread.is_alive():
            self._start()
        return ticket.answer.result()

    def _start(self) -> None:
        """With the first job of a process: one that was forked off has the object and not the thread."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._serve, name="together", daemon=True)
                thread.start()
                self._thread = thread

    def _serve(self) -> None:
        for group in self._groups():
            try:
                outcomes = self._run([ticket.job for ticket in group])
                answered = list(zip(group, outcomes, strict=True))
            except BaseException as error:  # noqa: BLE001 - raised in each thread that waits; this one goes on
                for ticket in group:
                    ticket.answer.set_exception(error)
                continue
            for ticket, outcome in answered:
                if isinstance(outcome, Exception):
                    ticket.answer.set_exception(outcome)
                else:
                    ticket.answer.set_result(outcome)

    def _groups(self) -> Iterator[list[_Ticket[Job, Result]]]:
        """All that is queued, first come first served, as far as it fits; what does not begins the next group."""
        ticket = self._queue.get()
        while True:
            group, size = [ticket], self._size(ticket.job)
            while True:
                try:
                    ticket = self._queue.get_nowait()
                except Empty:
                    yield group
                    ticket = self._queue.get()
                    break
                size += self._size(ticket.job)
                if size > self._most:
                    yield group
                    break
                group.append(ticket)


def _of(outcome: Result | Exception) -> Result:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
