"""Requests that arrive together share one transaction: most of what a single ping costs is its transaction.

Nobody waits for company. One thread decides for all of a process: while a group is in its transaction the next one
queues up, and goes as a whole when its turn comes ("group commit"). That the turn never passes from thread to thread
matters more than the hop to this one and back: a thread that is woken has to win the interpreter first, and with
many at work a turn stood idle longer than it took.

Nobody waits for ever either: `shedding` says who is sent away at once, and who is still queued when the longest wait
is over goes as well. Whoever's turn has begun is answered.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from beacon_service.chance import random_bits
from beacon_service.errors import Overloaded
from beacon_service.pings.shedding import Bounds, Line, Reason, Shedding, retry_after_s

# One computes while the other waits for the database; a third would only fight them for the interpreter.
LARGE_AT_ONCE = 2
# Each keeps a thread: as many as four gateways that send two at a time.
LARGE_WAITING = 8

Job = TypeVar("Job")
Result = TypeVar("Result")

_PATIENT = Bounds(most=1_000, few=100, target_s=0.25, interval_s=0.5, longest_s=5.0)


class Ticket(NamedTuple, Generic[Job, Result]):
    """A place in the queue."""

    job: Job
    answer: "Future[Result]"
    queued_at: float
    waiter: Any = None  # whom `on_answered` is to tell; None: a thread, which waits for the answer itself


class Together(Generic[Job, Result]):
    """Runs jobs of many in groups; each gets its own result, or its own exception, in a thread or in an event loop."""

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        *,
        size: Callable[[Job], int],
        most: int,
        bounds: Bounds = _PATIENT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`run` answers for each job; a group is of `most` in `size` unless one job alone is larger."""
        self._run = run
        self._size = size
        self._most = most
        self._clock = clock
        self._queue: SimpleQueue[Ticket[Job, Result]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        # Of those that wait, in the order of the queue: since when, and the pings of all of them.
        self._since: deque[float] = deque()
        self._waiting_size = 0
        self._inside = 0
        self._began = (0.0, 0.0)  # when the last turn began, and how long its oldest had waited
        self._shedding = Shedding(bounds)
        self._large = threading.Semaphore(LARGE_AT_ONCE)
        self._large_inside = 0
        self._large_shedding = Shedding(
            bounds._replace(most=LARGE_AT_ONCE + LARGE_WAITING, few=LARGE_AT_ONCE, target_s=bounds.longest_s)
        )
        # Called with the reason of each refusal; one whose wait grew too long is `waited`.
        self.on_refusal: Callable[[Reason], None] = lambda _: None
        # Called by the thread that decides, with each group whose answers are there.
        self.on_answered: Callable[[Sequence[Ticket[Job, Result]]], None] = lambda _: None

    def __call__(self, job: Job) -> Result:
        """Waits in the caller's thread."""
        if self.is_large(job):
            return self._by_itself(job)
        ticket = self.enter(job)
        try:
            return self._answer(ticket)
        finally:
            self.leave()

    def is_large(self, job: Job) -> bool:
        """Whether it goes alone, and in its own thread."""
        return self._size(job) >= self._most

    def enter(self, job: Job, waiter: Any = None) -> Ticket[Job, Result]:
        """A place in the queue, or Overloaded. Who has one must `leave`, answered or not."""
        with self._lock:
            if (reason := self.refusal()) is not None:
                raise self.refuse(reason)
            now = self._clock()
            self._inside += 1
            self._since.append(now)
            self._waiting_size += self._size(job)
            ticket: Ticket[Job, Result] = Ticket(job, Future(), now, waiter)
            self._queue.put(ticket)
            if self._thread is None or not self._thread.is_alive():
                self._start()
        return ticket

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1

    @property
    def waiting(self) -> int:
        """How many are queued now."""
        return len(self._since)

    @property
    def delay_s(self) -> float:
        """How long one waits now: what the oldest has waited so far, or that of the last turn if that was just now."""
        now = self._clock()
        began_at, waited_s = self._began
        is_news = now - began_at <= self._shedding.bounds.interval_s
        return max(self._oldest_s(now), waited_s if is_news else 0.0)

    @property
    def longest_s(self) -> float:
        """How long anybody may wait."""
        return self._shedding.bounds.longest_s

    def refusal(self) -> Reason | None:
        """Why a small job would be sent away just now. It costs nothing, so it may be asked before the job is read."""
        return self._shedding.refuses(self._line(), self._clock())

    def refuse(self, reason: Reason) -> Overloaded:
        """What somebody who is sent away is told; counted."""
        return self._told(self._shedding, reason)

    def _told(self, shedding: Shedding, reason: Reason) -> Overloaded:
        self.on_refusal(reason)
        for_s = shedding.refused(self._clock())
        return Overloaded(retry_after_s=retry_after_s(for_s, random_bits(32) / 2**32))

    def _line(self) -> Line:
        is_busy = self._inside > 0
        return Line(
            inside=self._inside,
            waiting=len(self._since),
            turns_ahead=is_busy + self._waiting_size // self._most,
            oldest_s=self._oldest_s(self._clock()),
        )

    def _oldest_s(self, now: float) -> float:
        try:
            return now - self._since[0]
        except IndexError:  # its turn has begun in this very moment, or nobody waits
            return 0.0

    def _answer(self, ticket: Ticket[Job, Result]) -> Result:
        """Its result; who is still queued when the longest wait is over gives up the place."""
        try:
            return ticket.answer.result(self._shedding.bounds.longest_s)
        except TimeoutError:
            if ticket.answer.cancel():
                raise self.refuse("waited") from None
        return ticket.answer.result()

    def _by_itself(self, job: Job) -> Result:
        """A large one goes alone and in its own thread; a few more may wait for that, no longer than anybody."""
        shedding = self._large_shedding
        with self._lock:
            waiting = max(0, self._large_inside - LARGE_AT_ONCE)
            ahead = -(-(waiting + 1) // LARGE_AT_ONCE) if self._large_inside >= LARGE_AT_ONCE else 0
            if reason := shedding.refuses(Line(self._large_inside, waiting, ahead, 0.0), self._clock()):
                raise self._told(shedding, reason)
            self._large_inside += 1
        try:
            if not self._large.acquire(timeout=shedding.bounds.longest_s):
                raise self._told(shedding, "waited")
            began_at = self._clock()
            try:
                return _of(self._run([job])[0])
            finally:
                self._large.release()
                shedding.ended(self._clock() - began_at)
        finally:
            with self._lock:
                self._large_inside -= 1

    def _start(self) -> None:
        """With the first job of a process: one that was forked off has the object and not the thread."""
        thread = threading.Thread(target=self._serve, name="together", daemon=True)
        thread.start()
        self._thread = thread

    def _serve(self) -> None:
        for group in self._groups():
            began_at = self._clock()
            waited_s = began_at - group[0].queued_at
            self._began = (began_at, waited_s)
            self._shedding.began(waited_s, began_at)
            self._decide(group)
            self.on_answered(group)
            self._shedding.ended(self._clock() - began_at)

    def _decide(self, group: Sequence[Ticket[Job, Result]]) -> None:
        try:
            outcomes = self._run([ticket.job for ticket in group])
            answered = list(zip(group, outcomes, strict=True))
        except BaseException as error:  # noqa: BLE001 - raised in each thread that waits; this one goes on
            for ticket in group:
                ticket.answer.set_exception(error)
            return
        for ticket, outcome in answered:
            if isinstance(outcome, Exception):
                ticket.answer.set_exception(outcome)
            else:
                ticket.answer.set_result(outcome)

    def _groups(self) -> Iterator[list[Ticket[Job, Result]]]:
        """All that is queued, first come first served, as far as it fits; what does not begins the next group."""
        ticket = self._next()
        while True:
            group, size = [ticket], self._size(ticket.job)
            while True:
                try:
                    ticket = self._taken(self._queue.get_nowait())
                except Empty:
                    yield group
                    ticket = self._next()
                    break
                except CancelledError:
                    continue
                size += self._size(ticket.job)
                if size > self._most:
                    yield group
                    break
                group.append(ticket)

    def _next(self) -> Ticket[Job, Result]:
        """The first that is still waited for, whenever it comes."""
        while True:
            if self._queue.empty():
                self._shedding.emptied()
            with suppress(CancelledError):
                return self._taken(self._queue.get())

    def _taken(self, ticket: Ticket[Job, Result]) -> Ticket[Job, Result]:
        """Out of the queue, and from now on not to be given up; CancelledError if it was."""
        with self._lock:
            self._since.popleft()
            self._waiting_size -= self._size(ticket.job)
        if not ticket.answer.set_running_or_notify_cancel():
            raise CancelledError
        return ticket


def _of(outcome: Result | Exception) -> Result:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
