"""Requests that arrive together share one transaction: most of what a single ping costs is its transaction.

Nobody waits for company. Who finds a free turn takes along whatever has queued up meanwhile, and answers for all
("flat combining": Hendler, Incze, Shavit and Tzafrir, SPAA 2010). Alone, a request pays a lock and nothing more.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class _Ticket(Generic[Job, Result]):
    """A job on its way: queued, taken by somebody, done."""

    __slots__ = ("done", "job", "outcome", "taken")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.taken = False
        self.done = threading.Event()
        self.outcome: Result | Exception | None = None


class Together(Generic[Job, Result]):
    """Runs jobs of many threads in groups; each thread gets its own result, or its own exception."""

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        *,
        size: Callable[[Job], int],
        most: int,
        at_once: int,
    ) -> None:
        """`run` answers for each job; a group is of `most` in `size` unless one job alone is larger; `at_once` run."""
        self._run = run
        self._size = size
        self._most = most
        self._turns = threading.Semaphore(at_once)
        self._queue: deque[_Ticket[Job, Result]] = deque()
        self._queueing = threading.Lock()

    def __call__(self, job: Job) -> Result:
        ticket: _Ticket[Job, Result] = _Ticket(job)
        with self._queueing:
            self._queue.append(ticket)
        with self._turns:
            while group := self._take(ticket):
                self._lead(group)
        ticket.done.wait()
        if isinstance(ticket.outcome, Exception):
            raise ticket.outcome
        assert ticket.outcome is not None, "whoever took it has answered"
        return ticket.outcome

    def _take(self, ticket: _Ticket[Job, Result]) -> list[_Ticket[Job, Result]]:
        """The next group, first come first served; none once the ticket is in somebody's."""
        group: list[_Ticket[Job, Result]] = []
        size = 0
        with self._queueing:
            while self._queue and not (ticket.taken and not group):
                size += self._size(self._queue[0].job)
                if group and size > self._most:
                    break
                self._queue[0].taken = True
                group.append(self._queue.popleft())
        return group

    def _lead(self, group: Sequence[_Ticket[Job, Result]]) -> None:
        try:
            outcomes: Sequence[Result | Exception] = self._run([ticket.job for ticket in group])
        except Exception as error:  # noqa: BLE001 - it is raised in each thread that waits for it
            outcomes = [error] * len(group)
        for ticket, outcome in zip(group, outcomes, strict=True):
            ticket.outcome = outcome
            ticket.done.set()
