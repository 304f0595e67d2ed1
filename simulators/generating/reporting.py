"""How pings leave a phone: mostly one by one as they are measured; some late, some twice, some never, some in a heap.

Apps queue what they measure until it is answered (docs/apps.md). So a request that got lost goes with the next one; one
whose answer got lost is sent again, and the service sees it twice; one that hangs is tried again after newer ones are
through, and comes out of order. Without a network all waits, and goes in a heap when there is one again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOST_SHARE = 0.02  # of requests: the ping goes with the next one
UNANSWERED_SHARE = 0.02  # of requests: the ping is sent once more
HANGING_SHARE = 0.01  # of requests: the ping comes after newer ones
HANGS_S = (12.0, 45.0)
NEVER_SHARE = 0.004  # of pings: the app was killed with its queue unwritten
AGAIN_AFTER_S = (1.0, 4.0)  # so long an app waits for an answer
NETWORK_S = (0.05, 0.25)  # between measuring and leaving
OFFLINE_SHARE = 0.08  # of visits have a stretch without a network
OFFLINE_S = (60.0, 1_200.0)
SHUFFLED_SHARE = 0.1  # of heaps are not in order
MOST_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Request:
    """Sent at a true time, with the pings of these numbers in this order."""

    at_s: float
    pings: tuple[int, ...]


def requests_of(measured_s: Sequence[float], draws: np.random.Generator, scale: float = 1.0) -> list[Request]:
    """In order of time. `measured_s`: when each ping was measured, in order. `scale`: how long it takes for a hanging
    request to be given up, and for a network to be back, beside the usual.
    """
    offline = _offline(measured_s, draws, scale)
    sent: list[Request] = []
    with_next: list[int] = []
    for number, at_s in enumerate(measured_s):
        leaves_s = at_s + float(draws.uniform(*NETWORK_S))
        chance = draws.random()
        if chance < NEVER_SHARE:
            continue
        if offline and offline[0] <= at_s < offline[1]:
            with_next.append(number)
            continue
        chance -= NEVER_SHARE
        if chance < LOST_SHARE:
            with_next.append(number)
        elif chance < LOST_SHARE + HANGING_SHARE:
            sent.append(Request(leaves_s + scale * float(draws.uniform(*HANGS_S)), (number,)))
        else:
            sent += _heap(leaves_s, [*with_next, number], draws)
            with_next = []
            if chance > 1 - NEVER_SHARE - UNANSWERED_SHARE:
                sent.append(Request(leaves_s + float(draws.uniform(*AGAIN_AFTER_S)), (number,)))
    if with_next:
        back_s = max(measured_s[-1] + AGAIN_AFTER_S[1], offline[1] if offline else 0.0)
        sent += _heap(back_s, with_next, draws)
    return sorted(sent, key=lambda request: request.at_s)


def _offline(
    measured_s: Sequence[float], draws: np.random.Generator, scale: float
) -> tuple[float, float] | None:
    without, lasts_s = draws.random() < OFFLINE_SHARE, scale * float(draws.uniform(*OFFLINE_S))
    if not without or not measured_s:
        return None
    begins_s = float(draws.uniform(measured_s[0], measured_s[-1]))
    return begins_s, begins_s + lasts_s


def _heap(at_s: float, pings: list[int], draws: np.random.Generator) -> Iterator[Request]:
    """Oldest first, in parts that a request may carry, a fifth of a second apart."""
    if len(pings) > 2 and draws.random() < SHUFFLED_SHARE:
        pings = [pings[int(index)] for index in draws.permutation(len(pings))]
    for part, begin in enumerate(range(0, len(pings), MOST_AT_ONCE)):
        yield Request(at_s + 0.2 * part, tuple(pings[begin : begin + MOST_AT_ONCE]))
