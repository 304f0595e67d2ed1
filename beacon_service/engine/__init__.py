"""The engine: pings in, moves and decisions out. Pure: no I/O, no clock, no randomness of its own.

`follow` takes each cause in order through screen, locate and advance; `choose` joins the stays into visits, makes
the moments and decides them. They are two passes since where a phone is must never depend on what was offered:
the first can run by installation in parallel, and the second can be asked again when a shared count falls short.
The HTTP request, the worker's tick, a replay and a backtest all call these two and nothing else.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from beacon_service.campaigns.ledger import Tally, TallyKey
from beacon_service.campaigns.shared import Shared
from beacon_service.engine.choose import ask, choose
from beacon_service.engine.follow import follow
from beacon_service.engine.model import (
    CODE_VERSION,
    Catalogue,
    Cause,
    Due,
    Event,
    Followed,
    Mover,
    Ping,
    Step,
    Tick,
    Told,
    World,
)
from beacon_service.engine.settle import MOST_ROUNDS, Given, answered, settle

__all__ = [
    "CODE_VERSION",
    "MOST_ROUNDS",
    "Catalogue",
    "Cause",
    "Due",
    "Event",
    "Followed",
    "Given",
    "Mover",
    "Ping",
    "Step",
    "Tick",
    "Told",
    "World",
    "answered",
    "ask",
    "choose",
    "follow",
    "settle",
    "step",
]


def step(
    catalogue: Catalogue,
    world: World,
    causes: Sequence[Mover],
    now: datetime,
    tallies: Mapping[TallyKey, Tally],
) -> Step:
    """Both passes at once, for who knows every shared count beforehand."""
    followed, presences = follow(catalogue, world, causes, now)
    shared = Shared(tallies)
    told, memories = choose(catalogue, world, followed, now, shared)
    return Step(followed, presences, told, memories, shared)
