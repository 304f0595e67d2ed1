"""The second pass under the locks of whatever is shared: asked again until no claim is left that is not known.

The engine is asked what it would claim, exactly that is locked, and it is asked again. Where a count falls short
another campaign may win and claim another row; rows are only ever locked in key order, so whoever locks gives the locks
back first and takes the union anew. How that is done is the caller's: in a transaction, or in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from beacon_service.campaigns.ledger import Charge, Tally, TallyKey
from beacon_service.campaigns.moment import Memory
from beacon_service.campaigns.shared import Shared
from beacon_service.engine.choose import choose
from beacon_service.engine.model import Catalogue, Followed, Told, World

# After so many rounds what is still unknown counts as used up: the loser is told so, nobody waits for ever.
MOST_ROUNDS = 3


# Locks the rows of these counts, whatever of them was locked before, and reads what is used of each.
LockTallies = Callable[[Mapping[TallyKey, Charge]], Mapping[TallyKey, Tally]]

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
    shared = Shared({})
    chosen = choose(given.catalogue, world, followed, given.now, shared)
    claimed: dict[TallyKey, Charge] = {}
    rounds = 0
    # Once a count that is unknown is used up, only those are still named anew that their campaign need not obey.
    while not shared.claimed.keys() <= claimed.keys():
        rounds += 1
        claimed |= shared.claimed
        shared = Shared(lock(claimed), final=rounds >= MOST_ROUNDS)
        chosen = choose(given.catalogue, world, followed, given.now, shared)
    told, memories = chosen
    return give_codes(told), memories
