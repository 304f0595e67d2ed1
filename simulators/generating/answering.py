"""How people answer offers and what they buy: a stated law, so that what is learned of it can be held against it.

All of it hangs on what a brand may know (`loyalty`, `newsletter`, `age_band`) and a little on the person alone:

view     0.62, with the newsletter 0.70           P(viewed | delivered)
click    0.18, silver 0.26, gold 0.34             P(clicked | viewed); from 60 on 0.08 less
dismiss  0.25 without the newsletter, 0.10 with   P(dismissed | viewed and not clicked)
redeem   0.35, gold 0.50                          P(redeemed | clicked)
buy      0.30, silver 0.45, gold 0.60             P(a purchase on a visit without any offer)
effect   +0.10, silver +0.05, gold 0; every tenth of all: -0.04, whatever they are

`effect` is what an offer adds to `buy`: those who buy anyway are moved least, and some dislike being sold to. Each
person's shares lie beside these by a normal draw of 0.03.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

CLICK = {"none": 0.18, "silver": 0.26, "gold": 0.34}
BUY = {"none": 0.30, "silver": 0.45, "gold": 0.60}
EFFECT = {"none": 0.10, "silver": 0.05, "gold": 0.0}
DISLIKE_SHARE, DISLIKE_EFFECT = 0.1, -0.04
SPREAD = 0.03
LOOKS_AFTER_S = (1.0, 12.0)
# A basket: the median by what is bought in, and the spread of its logarithm.
BASKET_EUR, BASKET_SPREAD = 24.0, 0.7


@dataclass(frozen=True, slots=True)
class Answers:
    """The shares of a `response` line."""

    view: float
    click: float
    dismiss: float
    redeem: float
    buy: float
    buy_if_offered: float
    delay_s: float


def draw_answers(attributes: Mapping[str, Any], draws: np.random.Generator) -> Answers:
    loyalty, letters = attributes["loyalty"], attributes["newsletter"]
    beside = draws.normal(0, SPREAD, 5)
    dislikes = draws.random() < DISLIKE_SHARE
    buy = _share(BUY[loyalty] + beside[4])
    effect = DISLIKE_EFFECT if dislikes else EFFECT[loyalty]
    return Answers(
        view=_share((0.70 if letters else 0.62) + beside[0]),
        click=_share(CLICK[loyalty] - 0.08 * (attributes["age_band"] == "60+") + beside[1]),
        dismiss=_share((0.10 if letters else 0.25) + beside[2]),
        redeem=_share((0.50 if loyalty == "gold" else 0.35) + beside[3]),
        buy=buy,
        buy_if_offered=_share(buy + effect),
        delay_s=round(float(draws.uniform(*LOOKS_AFTER_S)), 1),
    )


def basket_eur(draws: np.random.Generator) -> float:
    return round(float(BASKET_EUR * np.exp(draws.normal(0, BASKET_SPREAD))), 2)


def _share(value: float) -> float:
    return round(float(np.clip(value, 0.01, 0.99)), 4)
