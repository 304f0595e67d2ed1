"""What zones are for a walker: by their tags and their category, as people write them."""

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Role(Enum):
    ENTRANCE = "entrance"
    TILL = "till"
    STAIRS = "stairs"
    CORRIDOR = "corridor"
    CLOSED = "closed"  # nobody walks there
    SHOP = "shop"  # has walls of its own and sells at a till of its own
    BROWSED = "browsed"  # an aisle, a department, whatever else people stop in


WORDS: Mapping[Role, frozenset[str]] = {
    Role.ENTRANCE: frozenset({"entrance", "entrances", "entry", "exit", "door", "doors", "gate"}),
    Role.TILL: frozenset({"till", "tills", "checkout", "checkouts", "cashier", "cash-desk", "pos"}),
    Role.STAIRS: frozenset(
        {"stairs", "stairway", "escalator", "escalators", "elevator", "elevators", "lift", "lifts"}
    ),
    Role.CORRIDOR: frozenset({"corridor", "hall", "walkway", "atrium", "passage", "concourse"}),
    Role.CLOSED: frozenset({"wall", "closed", "blocked", "staff", "storage", "technical", "void", "shaft"}),
    Role.SHOP: frozenset({"shop", "store", "tenant", "boutique", "unit"}),
}
# Categories of the service's own (zones/categories.py) that say what a place is for a walker.
OF_CATEGORY: Mapping[str, Role] = {"entrance": Role.ENTRANCE, "work": Role.CLOSED, "lodging": Role.CLOSED}


def role_of(properties: Mapping[str, Any]) -> Role:
    """The first role that a tag names, in the order of `WORDS`; then the category's; else people browse there."""
    tags = {str(tag).lower() for tag in properties.get("tags") or ()}
    for role, words in WORDS.items():
        if tags & words:
            return role
    return OF_CATEGORY.get(str(properties.get("category")), Role.BROWSED)
