"""How made-up people answer offers: drawn from a seed and what the trace says of them (its `response` lines).

Each draw has a name of its own (the person, and the how many-th offer or visit), so that it does not depend on what
others do, nor on when the replay was stopped and went on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from simulators.traces.model import Response

# A purchase in a shop: most are small, few are large; half of them are below this.
MEDIAN_AMOUNT = 25.0
SPREAD = 0.7
CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Reaction:
    """`after_s`: seconds of the trace's time after the offer came. `type` is an outcome's."""

    type: str
    after_s: float


def reactions(response: Response | None, seed: int, installation_id: str, number: int) -> Iterator[Reaction]:
    """To the person's offer of that number. An app reports `delivered`, whoever holds the phone."""
    yield Reaction("delivered", 0.0)
    if response is None:
        return
    random = Random(f"{seed}/{installation_id}/offer/{number}")
    viewed, clicked, dismissed, redeemed = (random.random() for _ in range(4))
    looks_s, acts_s, pays_s = (
        random.expovariate(1 / response.delay_s) if response.delay_s else 0.0 for _ in range(3)
    )
    if viewed >= response.view:
        return
    yield Reaction("viewed", looks_s)
    if clicked < response.click:
        yield Reaction("clicked", looks_s + acts_s)
        if redeemed < response.redeem:
            yield Reaction("redeemed", looks_s + acts_s + pays_s)
    elif dismissed < response.dismiss:
        yield Reaction("dismissed", looks_s + acts_s)


def purchase(
    response: Response, seed: int, installation_id: str, visit: int, *, offered: bool
) -> float | None:
    """What they pay on this visit, if they buy at all. `offered`: an offer came to their phone on it.

    Whoever would buy without an offer also does with one where that is no less likely: one draw decides both.
    """
    random = Random(f"{seed}/{installation_id}/visit/{visit}")
    share = response.buy_if_offered if offered else response.buy
    if random.random() >= share:
        return None
    return round(MEDIAN_AMOUNT * random.lognormvariate(0.0, SPREAD), 2)
