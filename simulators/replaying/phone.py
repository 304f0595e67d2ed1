"""What is known of one phone while its trace is played; what it has to do stands in its lane (`lanes`)."""

from msgspec import Struct

from simulators.traces.model import Response

# An offer may come in an answer, in a repeated answer and in the inbox, and a move in two answers: they count once.
MOST_RECENT = 128


class Phone(Struct, omit_defaults=True, array_like=True):
    """`told_name` is what the service knows it by.

    `tried`: a registration was sent and found no answer, so that the service may know the phone without our knowing its
    token. `refused`: the service does not want it. `told`: of the last pings, the times that they told.
    """

    name: str
    told_name: str
    token: str = ""
    customer_id: str = ""
    registered: bool = False
    tried: bool = False
    refused: bool = False
    on_visit: bool = False  # it reported since it came
    response: Response | None = None
    last_s: float = 0.0  # of its last line, in the trace's time
    in_use: bool = False  # the app is open
    looks_at_s: float = 0.0  # while it is: into the inbox, not before
    offers: int = 0
    visits: int = 0
    known: bool = False  # it was said whose it is
    bought: bool = False  # on this visit
    offer: tuple[str, str] | None = None  # decision and campaign: the last one that came on this visit
    shown: dict[str, bool] = {}
    moved: dict[str, bool] = {}
    told: dict[str, float] = {}

    def shows(self, decision_id: str) -> bool:
        """Whether it is news."""
        return _is_news(self.shown, decision_id)

    def moves(self, event_id: str) -> bool:
        return _is_news(self.moved, event_id)

    def forget(self) -> None:
        """What matters only to who is there."""
        self.told, self.moved, self.in_use = {}, {}, False


def _is_news(recent: dict[str, bool], name: str) -> bool:
    if name in recent:
        return False
    recent[name] = True
    if len(recent) > MOST_RECENT:
        del recent[next(iter(recent))]
    return True
