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
PURCHASE = "purchase"


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


def adds_purchase(response: Response, seed: int, installation_id: str, visit: int) -> float | None:
    """What they pay, if an offer made them buy on a visit on which they would not have.

    The trace has the purchases that happen without offers, a share `buy` of the visits. With an offer it is to be
    `buy_if_offered`: of the others, (buy_if_offered - buy) / (1 - buy) buy too. 0.40 to 0.50: one in six of them.
    """
    added = response.buy_if_offered - response.buy
    if added <= 0:
        return None
    random = Random(f"{seed}/{installation_id}/visit/{visit}")
    if random.random() >= added / (1 - response.buy):
        return None
    return round(MEDIAN_AMOUNT * random.lognormvariate(0.0, SPREAD), 2)


def leaves_out_purchase(response: Response, seed: int, installation_id: str, visit: int) -> bool:
    """Whether an offer kept them from a purchase of the trace: where it makes people buy less, that many do not."""
    lost = response.buy - response.buy_if_offered
    random = Random(f"{seed}/{installation_id}/visit/{visit}")
    return lost > 0 and random.random() < lost / response.buy
