"""The second pass under the locks of whatever is shared: asked again until no claim is left that is not known.

The engine is asked what it would claim, exactly that is locked, and it is asked again. Where a count falls short
another campaign may win and claim another row; rows are only ever locked in key order, so whoever locks gives the locks
back first and takes the union anew. How that is done is the caller's: in a transaction, or in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from beacon_service.campaigns.ledger import Charge, Tally, TallyKey
from beacon_service.campaigns.moment import Memory
from beacon_service.campaigns.shared import Shared
from beacon_service.engine.choose import choose
from beacon_service.engine.model import Catalogue, Followed, Told, World

# After so many rounds what is still unknown counts as used up: the loser is told so, nobody waits for ever.
MOST_ROUNDS = 3


# Locks the rows of these counts, whatever of them was locked before, and reads what is used of each.
LockTallies = Callable[[Mapping[TallyKey, Charge]], Mapping[TallyKey, Tally]]

Answer = TypeVar("Answer")

# Puts codes into what is told, where somebody gets one of their own.
GiveCodes = Callable[[Sequence[Told]], tuple[Told, ...]]


@dataclass(frozen=True)
class Given:
    """When and by what a step is decided; `seed` draws a fresh one for each cause."""

    now: datetime
    catalogue: Catalogue
    seed: Callable[[], int]

    @cached_property
    def today(self) -> str:
        return self.now.date().isoformat()


def settle(
    given: Given, world: World, followed: Sequence[Followed], lock: LockTallies, give_codes: GiveCodes
) -> tuple[tuple[Told, ...], dict[int, Memory]]:
    """What is told at each cause and what customers remember of it, every claimed count read under its lock."""
    told, memories = answered(
        lambda shared: choose(given.catalogue, world, followed, given.now, shared), lock
    )
    return give_codes(told), memories


def answered(ask: Callable[[Shared], Answer], lock: LockTallies) -> Answer:
    """What is answered when all that is claimed is known, or, after the last round, counts as used up."""
    first = Shared({})
    answer = ask(first)
    missing: Mapping[TallyKey, Charge] = first.claimed
    claimed: dict[TallyKey, Charge] = {}
    rounds = 0
    while missing:
        rounds += 1
        claimed |= missing
        answer, missing = _ask_again(ask, lock(claimed), first.claimed, final=rounds >= MOST_ROUNDS)
    return answer


def _ask_again(
    ask: Callable[[Shared], Answer],
    tallies: Mapping[TallyKey, Tally],
    claimed: Mapping[TallyKey, Charge],
    *,
    final: bool,
) -> tuple[Answer, Mapping[TallyKey, Charge]]:
    """(the answer, what has to be locked before it is one)

    Begins with what is claimed where nothing is known, and looks at no other count before it is claimed as well: what
    was locked in an earlier round may not matter any more, and what is told follows from the counts alone, not from
    the rounds that were needed. A replay, whose counts never change between two rounds, comes to the same.
    """
    wanted = dict(claimed)
    while True:
        known = {key: tallies[key] for key in wanted if key in tallies}
        is_blind = final and len(known) < len(wanted)
        shared = Shared(known, final=is_blind)
        answer = ask(shared)
        missing = {key: charge for key, charge in shared.claimed.items() if key not in tallies}
        # Once a count that is unknown is used up, only those are still named that their campaign need not obey.
        if missing and (is_blind or not final):
            return answer, missing
        if shared.claimed.keys() <= known.keys():
            return answer, {}
        wanted |= shared.claimed
