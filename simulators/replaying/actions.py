"""What a phone or the brand's systems have still to do, one after the other; as data, so that a stop can keep it."""

from typing import Any, TypeAlias

from msgspec import Struct

from simulators.replaying.telling import ToldPing


class _Action(Struct, frozen=True, tag_field="act", tag=str.lower):
    """What they have in common: they are told apart by name where they are kept."""


class Register(_Action, frozen=True):
    """`body` as `PUT /v1/installations/{id}` takes it."""

    body: dict[str, Any]


class Identify(_Action, frozen=True):
    customer_id: str


class Tell(_Action, frozen=True):
    """Pings of one report. `ahead_s`: by how much the phone's clock is told to be wrong."""

    pings: tuple[ToldPing, ...]
    ahead_s: float
    due_s: float

    @property
    def size(self) -> int:
        return sum(len(ping.body) for ping in self.pings)


class TellOutcome(_Action, frozen=True):
    decision_id: str
    campaign: str
    type: str


class LookInbox(_Action, frozen=True):
    """The app is opened, or asks again."""


class GoHome(_Action, frozen=True):
    """The visit is over; some buy something on the way out."""


class Redeem(_Action, frozen=True):
    """The till is shown the code."""

    decision_id: str
    campaign: str
    code: str


class PutCustomer(_Action, frozen=True):
    customer_id: str
    body: dict[str, Any]


class TellEvent(_Action, frozen=True):
    """`drawn`: by us, and not of the trace."""

    customer_id: str
    event: dict[str, Any]
    drawn: bool = False


Action: TypeAlias = (
    Register | Identify | Tell | TellOutcome | LookInbox | GoHome | Redeem | PutCustomer | TellEvent
)

# What a queue holds of it in memory, but for its pings.
SMALL_BYTES = 300


def size_of(action: Action) -> int:
    return SMALL_BYTES + (action.size if isinstance(action, Tell) else 0)
