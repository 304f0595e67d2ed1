"""Violations of every sort, planted one at a time, to show that the checker can see what it says it looks for.

A check that finds nothing proves nothing until it has been seen to find something. Each violation is as small
as it can be: one offer too many, one microsecond inside the window, one row gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.torture import checker
from tests.torture.forge import Forge
from tests.torture.violations.budgets import BUDGETS
from tests.torture.violations.caps import CAPS
from tests.torture.violations.codes import CODES
from tests.torture.violations.losses import losses
from tests.torture.violations.rows import ROWS
from tests.torture.violations.rules import RULES

if TYPE_CHECKING:
    import random

    import psycopg

    from tests.torture.records import Acknowledged

# Those that need nothing but an empty database; what was acknowledged is needed to lose it.
PLANTS = (*CAPS, *BUDGETS, *RULES, *CODES, *ROWS)


@dataclass(frozen=True, slots=True)
class Harvest:
    planted: int
    found: int
    missed: tuple[str, ...]


def plant(connection: psycopg.Connection[Any], rng: random.Random, acknowledged: Acknowledged) -> Harvest:
    """Plant each in its own transaction on a copy of the database, look, and take it back.

    The copy must be clean to begin with, or nothing that is found in it can be told from what was there before.
    """
    plants = (*PLANTS, *losses(acknowledged, rng))
    missed = []
    for one in plants:
        with connection.transaction(force_rollback=True):
            one.act(Forge(connection, rng))
            if one.kind not in checker.check(connection, acknowledged).kinds:
                missed.append(one.name)
    return Harvest(len(plants), len(plants) - len(missed), tuple(missed))


def plant_together(
    connection: psycopg.Connection[Any], rng: random.Random, acknowledged: Acknowledged, *, most: int
) -> Harvest:
    """The same with so many, each of another kind, all at once: where one recount of everything takes its minutes."""
    plants = [*PLANTS, *losses(acknowledged, rng)]
    rng.shuffle(plants)
    drawn = list({one.kind: one for one in plants}.values())[:most]
    with connection.transaction(force_rollback=True):
        for one in drawn:
            one.act(Forge(connection, rng))
        kinds = checker.check(connection, acknowledged).kinds
    missed = [one.name for one in drawn if one.kind not in kinds]
    return Harvest(len(drawn), len(drawn) - len(missed), tuple(missed))
