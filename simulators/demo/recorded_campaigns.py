"""Campaigns for a place that nobody has planned any for: made from its floors alone, for whoever may walk
there.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from simulators.recorded import floor_tag
from simulators.venue import Venue
from simulators.walks import Walk

IDENTIFIED_SHARE = 0.4  # of the people have logged in to the app
LOYALTY = {"none": 4, "silver": 3, "gold": 3}  # weights
ONCE_AN_HOUR = {
    "scope": "campaign",
    "subject": "customer",
    "limit": 1,
    "counts": "decided",
    "window": {"kind": "rolling", "n": 1, "unit": "hour"},
}
FEW_A_MINUTE = {
    "scope": "campaign",
    "subject": "total",
    "limit": 5,
    "counts": "decided",
    "window": {"kind": "rolling", "n": 1, "unit": "minute"},
}
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def campaigns_for(venue: Venue) -> dict[str, dict[str, Any]]:
    """A welcome a floor (the lower half of the floors before noon, the others after), and what holds
    anywhere.
    """
    floors = venue.floors_upward()
    welcomes = {
        f"welcome-{floor}": welcome(venue, floor, morning=2 * index < len(floors))
        for index, floor in enumerate(floors)
    }
    return {f"{venue.id}-{name}": body for name, body in (welcomes | anywhere(venue)).items()}


def welcome(venue: Venue, floor: str, *, morning: bool) -> dict[str, Any]:
    hours = ("00:00", "12:00") if morning else ("12:00", "00:00")
    return campaign(
        f"Welcome to {floor}, {'mornings' if morning else 'afternoons'}",
        priority=10,
        trigger=entered(venue, floor_tag(floor)),
        offer=(f"Welcome to {floor}", "See what is new on this floor."),
        dayparts=[{"days": EVERY_DAY, "from": hours[0], "to": hours[1]}],
    )


def anywhere(venue: Venue) -> dict[str, dict[str, Any]]:
    """One of each kind: few a minute, for a stay, for some people, at leaving, half held out."""
    return {
        "few-a-minute": campaign(
            "For the first five each minute",
            priority=40,
            trigger=entered(venue, "any"),
            caps=[ONCE_AN_HOUR, FEW_A_MINUTE],
            offer=("A coffee for the quick", "Five a minute get one."),
        ),
        "take-your-time": campaign(
            "For those who stay",
            priority=30,
            trigger={"move": "dwelled", "site": venue.id, "tags": ["any"], "dwell_s": 10},
            offer=("Take your time", "And ten percent in the shop before you."),
            hold_out=0.2,
        ),
        "gold": campaign(
            "Gold members",
            priority=50,
            trigger=entered(venue, "any"),
            offer=("The lounge is open", "For gold members, on every floor."),
            audience={"all": [{"attribute": "loyalty", "op": "eq", "value": "gold"}]},
        ),
        "come-back": campaign(
            "Come back soon",
            priority=5,
            trigger={"move": "exited", "site": venue.id, "tags": ["any"]},
            offer=("Come back soon", "Parking is free on your next visit."),
            hold_out=0.1,
        ),
        "half": campaign(
            "Does a voucher pay? Half will not see it",
            priority=20,
            trigger=entered(venue, "any"),
            offer=("5 off your next meal", "In any restaurant of the house."),
            hold_out=0.5,
        ),
    }


def entered(venue: Venue, tag: str) -> dict[str, Any]:
    return {"move": "entered", "site": venue.id, "tags": [tag]}


def campaign(
    name: str, *, priority: int, trigger: dict[str, Any], offer: tuple[str, str], **more: Any
) -> dict[str, Any]:
    """`more` adds to the body or overrides it."""
    title, text = offer
    return {
        "name": name,
        "status": "published",
        "priority": priority,
        "trigger": trigger,
        "caps": [ONCE_AN_HOUR],
        "hold_out": 0.0,
        "obeys_policy": True,
        "counts_towards_policy": True,
        "offers": [{"id": "offer", "title": title, "body": text, "expires_after_s": 3600}],
        **more,
    }


def draw_customers(walks: Sequence[Walk], seed: int) -> tuple[Walk, ...]:
    """Recordings say nothing about the people, so some are made loyal customers, by chance and the seed."""
    random = Random(f"{seed}/customers")
    drawn = []
    for number, walk in enumerate(walks, start=1):
        known = random.random() < IDENTIFIED_SHARE
        loyalty = random.choices(tuple(LOYALTY), weights=tuple(LOYALTY.values()))[0]
        drawn.append(
            replace(walk, label=f"walker {number}", customer={"loyalty": loyalty} if known else None)
        )
    return tuple(drawn)
