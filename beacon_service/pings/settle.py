"""The second pass in the shell: decide under the locks of whatever is shared, and write what came of it.

The engine is asked what it would claim, exactly that is locked, and it is asked again. Where a count falls short
another campaign may win and claim another row; rows are only ever locked in key order, so the locks are given
back to the savepoint first and the union is taken anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from beacon_service.campaigns.ledger import Charge, Tally, TallyKey
from beacon_service.campaigns.moment import Memory
from beacon_service.campaigns.shared import Shared
from beacon_service.db import Statement
from beacon_service.delivery.leaving import leaving
from beacon_service.delivery.outbox_store import beside
from beacon_service.engine import Catalogue, Followed, Told, World, choose
from beacon_service.pings import saving, tallies, waiting_store

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


def save_results(
    given: Given,
    told: Sequence[Told],
    memories: Mapping[int, Memory],
    evidence: Sequence[tuple[str, str] | None],
) -> list[Statement]:
    """Moves, decisions, grants and shared counts. A row's `seq` is the step's plus the place of its cause.

    `evidence`: for each cause, (day, id) of the ping that its decisions rest on.
    """
    if not memories:
        return []
    events = [(event, place) for place, one in enumerate(told) for event in one.events]
    decisions = [(decision, place) for place, one in enumerate(told) for decision in one.decisions]
    statements = [saving.save_moves(events, memories, now=given.now, last=len(told) - 1)]
    if decisions:
        version = given.catalogue.version
        saved = saving.save_decisions(decisions, evidence, now=given.now, version=version)
        statements.append(beside(saved, leaving((decision for decision, _ in decisions), given.now)))
        statements.extend(tallies.spend(decision for decision, _ in decisions))
    if waiting := [put_off for one in told for put_off in one.waiting]:
        statements.append(waiting_store.save(waiting))
    return statements
