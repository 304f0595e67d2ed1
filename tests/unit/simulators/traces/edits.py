"""Commands that make traces of traces, and a day to make them of."""

from click.testing import CliRunner

from simulators.cli import main
from simulators.traces.files import checked, open_trace
from simulators.traces.model import (
    CustomerTold,
    EventTold,
    Identified,
    Note,
    Response,
    Truth,
)
from tests.unit.simulators.traces.lines import at, registered, report


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def read(path):
    told, lines = open_trace(path)
    return told, list(checked(lines))


def event(customer_id="c1", seconds=0, **other):
    told = {"event_id": "e1", "type": "purchase", "at": at(seconds).isoformat()} | other
    return EventTold(at=at(seconds), customer_id=customer_id, event=told)


def customer(customer_id="c1", seconds=0, **attributes):
    return CustomerTold(at=at(seconds), customer_id=customer_id, attributes=attributes)


def identified(installation_id="a", customer_id="c1", seconds=0):
    return Identified(at=at(seconds), installation_id=installation_id, customer_id=customer_id)


def answers(installation_id="a", seconds=0):
    shares = dict.fromkeys(("view", "click", "dismiss", "redeem", "buy", "buy_if_offered"), 0.5)
    return Response(at=at(seconds), installation_id=installation_id, delay_s=2.0, **shares)


def moment(installation_id="a", seconds=0, *, site="hall"):
    return Truth(
        at=at(seconds),
        installation_id=installation_id,
        site=site,
        floor="F1",
        zone=None,
        longitude=4.9,
        latitude=52.37,
    )


DAY = [
    registered("a"), customer("c1", tier="gold"), identified("a", "c1"), answers("a"),
    registered("b", 1), customer("c2", 1), identified("b", "c2", 1),
    report("a", 5),
    report("b", 20), event("c2", 21), Note(at=at(22), text="noon"),
    report("a", 30), event("c1", 31), report("b", 40),
]  # fmt: skip


def kinds(lines):
    return [type(line).__name__ for line in lines]
