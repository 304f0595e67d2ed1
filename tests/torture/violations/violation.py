"""One violation: what it is called, as what the checker must see it, and how it is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.torture.forge import Forge

    Act = Callable[[Forge], None]


@dataclass(frozen=True, slots=True)
class Violation:
    name: str
    kind: str
    act: Act


def violations(*acts: tuple[str, Act]) -> tuple[Violation, ...]:
    """(kind, act) each; the act's name says what it is."""
    return tuple(Violation(act.__name__.replace("_", " "), kind, act) for kind, act in acts)
