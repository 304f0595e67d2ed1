"""What a step came to, as the statements that write it."""

from collections.abc import Mapping, Sequence

from beacon_service.campaigns.moment import Memory
from beacon_service.db import Statement
from beacon_service.delivery.leaving import leaving
from beacon_service.delivery.outbox_store import beside
from beacon_service.engine import Given, Told
from beacon_service.pings import saving, tallies, waiting_store


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
