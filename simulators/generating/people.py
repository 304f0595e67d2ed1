"""Who comes: parties of one to four, some of them again and again, each with phones, consents and habits.

A party and each of its people draw from generators of their own, named by seed, first day and number: more shoppers
leave the first ones as they were.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.generating.answering import Answers, draw_answers
from simulators.generating.phones import Phone, draw_phone
from simulators.generating.walking.net import BESIDE_M

Floats = NDArray[np.float64]

PARTY_SIZES, PARTY_SHARES = (1, 2, 3, 4), (0.58, 0.29, 0.08, 0.05)
# How often a party comes: never again, once a month, once a week, every other day.
VISITS_A_DAY, VISITS_SHARES = (0.0, 1 / 30, 1 / 7, 0.45), (0.35, 0.25, 0.30, 0.10)
USUAL_HOUR_SPREAD = 0.08  # of the day's arrivals: regulars come at their hour
KNOWN_SHARE = 0.45  # have logged in to the app; the others stay anonymous
NO_LOCATION_SHARE, NO_MARKETING_SHARE = 0.025, 0.06
LOYALTIES, LOYALTY_SHARES = ("none", "silver", "gold"), (0.4, 0.35, 0.25)
FAVOURED_SPREAD = 1.0  # of the logarithm of how much one zone is liked beside another
POPULAR_SPREAD = 0.6  # the same for all people together
LAGS_S = (0.3, 1.8)  # behind the first of the party

# What a generator is for, so that no two are alike.
_SKETCH, _PARTY, _PERSON, _VISIT, _AGAIN, DAY = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Person:
    """`attributes` are what the brand knows; None of those who never said who they are."""

    installation_id: str
    customer_id: str | None
    attributes: dict[str, Any] | None
    location: bool
    marketing: bool
    phone: Phone
    answers: Answers
    key: tuple[int, int, int]
    aside_m: tuple[float, float]
    behind_s: float

    def on_day(self, day: int) -> np.random.Generator:
        return np.random.default_rng([*self.key, _VISIT, day])


class Sketch(NamedTuple):
    """What must be known of a party before it comes: of all who are expected this much is in memory, and no more.

    It is numbered by the first of its people. `comes_again`: on what share of days; `usual` is its hour, as a quantile
    of arrivals.
    """

    first_day: int
    number: int
    size: int
    comes_again: float
    usual: float

    def comes_on(self, seed: int, day: int) -> bool:
        """For a later day than the first, whatever other days there are."""
        return bool(self.draws(seed, _AGAIN, day).random() < self.comes_again)

    def draws(self, seed: int, *what_for: int) -> np.random.Generator:
        return np.random.default_rng([seed, self.first_day, self.number, *what_for])


@dataclass(frozen=True, slots=True)
class Party:
    """People who walk together, and how much they like each of the site's goals."""

    people: tuple[Person, ...]
    favours: Floats


def sketched(seed: int, day: int, people: int) -> Iterator[Sketch]:
    """Whoever comes for the first time on that day, so many people and whoever else is in the last party."""
    number = 0
    while number < people:
        draws = np.random.default_rng([seed, day, number, _SKETCH])
        size = int(draws.choice(PARTY_SIZES, p=PARTY_SHARES))
        again = float(draws.choice(VISITS_A_DAY, p=VISITS_SHARES))
        yield Sketch(day, number, size, again, float(draws.random()))
        number += size


def party_of(sketch: Sketch, seed: int, popularity: Floats) -> Party:
    draws = sketch.draws(seed, _PARTY)
    favours = popularity * np.exp(draws.normal(0, FAVOURED_SPREAD, len(popularity)))
    numbers = range(sketch.number, sketch.number + sketch.size)
    people = tuple(
        _person(seed, sketch.first_day, number, first=number == sketch.number) for number in numbers
    )
    return Party(people, favours)


def popularity_of(goals: int, seed: int) -> Floats:
    """How much all people together like each goal."""
    draws = np.random.default_rng([seed, 21])
    return np.asarray(np.exp(draws.normal(0, POPULAR_SPREAD, goals)), dtype=np.float64)


def _person(seed: int, day: int, number: int, *, first: bool) -> Person:
    key = (seed, day, number)
    draws = np.random.default_rng([*key, _PERSON])
    name = f"{seed}-{day}-{number}"
    known = draws.random() < KNOWN_SHARE
    attributes = {
        "loyalty": str(draws.choice(LOYALTIES, p=LOYALTY_SHARES)),
        "newsletter": bool(draws.random() < 0.5),
        "age_band": str(draws.choice(("18-29", "30-44", "45-59", "60+"))),
    }
    turn, apart = draws.uniform(0, 2 * np.pi), BESIDE_M * np.sqrt(draws.random())
    behind_s = 0.0 if first else float(draws.uniform(*LAGS_S))
    return Person(
        installation_id=f"made-{name}",
        customer_id=f"shopper-{name}" if known else None,
        attributes=attributes if known else None,
        location=bool(draws.random() >= NO_LOCATION_SHARE),
        marketing=bool(draws.random() >= NO_MARKETING_SHARE),
        phone=draw_phone(draws),
        answers=draw_answers(attributes, draws),
        key=key,
        aside_m=(float(apart * np.cos(turn)), float(apart * np.sin(turn))),
        behind_s=behind_s,
    )
