"""The stage: what each line of the trace gives to phones and to the brand's systems to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from simulators.replaying.actions import (
    Action,
    GoHome,
    Identify,
    LookInbox,
    PutCustomer,
    Redeem,
    Register,
    Tell,
    TellEvent,
    TellOutcome,
)
from simulators.replaying.agenda import Agenda
from simulators.replaying.attendance import Attendance
from simulators.replaying.clock import TraceClock, iso, now_s
from simulators.replaying.lanes import Lane, Lanes
from simulators.replaying.names import Names
from simulators.replaying.people import (
    CURRENCY,
    PURCHASE,
    Reaction,
    adds_purchase,
    leaves_out_purchase,
    reactions,
)
from simulators.replaying.phone import Phone
from simulators.replaying.record import Record
from simulators.replaying.telling import told_ping
from simulators.traces.model import CustomerTold, EventTold, Identified, Line, Registered, Report, Response

# Of the trace's time. The service joins stays over gaps of up to ten minutes: later it is another visit.
GONE_AFTER_S = 600.0
_NOT_OF_BODY = ("kind", "at", "installation_id", "customer_id")


class PlayError(Exception):
    """The trace cannot be played on; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How people and phones behave. `inbox_every_s`: None where nobody looks into the inbox."""

    seed: int = 1
    by_gateway: bool = False
    may_speak_for_brand: bool = True  # there is a secret key
    inbox_every_s: float | None = 15.0

    @property
    def looks(self) -> bool:
        return self.inbox_every_s is not None and not self.by_gateway


@dataclass(slots=True)
class Stage:
    """`lanes` is given once there is a loop to run them."""

    clock: TraceClock
    names: Names
    manner: Manner
    record: Record
    people: Attendance = field(init=False)
    agenda: Agenda = field(default_factory=Agenda)
    customers: dict[str, Lane] = field(default_factory=dict)  # of whom something is to be told
    phone_of: dict[str, str] = field(default_factory=dict)  # customer -> the phone that is known to be theirs
    lanes: Lanes = field(init=False)

    def __post_init__(self) -> None:
        self.people = Attendance(self.names, self.leave)

    def take(self, line: Line, number: int) -> None:
        """Raises PlayError. Notes, recorded outcomes and what a recorder adds are left out."""
        at_s = line.at.timestamp()
        if isinstance(line, Report):
            self._report(line, at_s)
        elif isinstance(line, Registered):
            lane, phone = self.people.came(line.installation_id, at_s)
            phone.registered = True
            self.lanes.add(lane, Register(_body(line)))
        elif isinstance(line, Response):
            self.people.came(line.installation_id, at_s)[1].response = line
        elif isinstance(line, Identified | CustomerTold | EventTold):
            if not self.manner.may_speak_for_brand:
                raise PlayError(
                    f"line {number} is of a customer; give the secret key by which to tell of them"
                )
            self._brand(line, at_s, number)

    def _report(self, line: Report, at_s: float) -> None:
        self.record.planned += len(line.pings)
        lane, phone = self.people.came(line.installation_id, at_s)
        if not phone.registered:
            self.record.problem(f"{line.installation_id} reports, and no line before it registers it")
            return
        phone.on_visit = True
        ahead_s = line.sent_at.timestamp() - at_s
        told_ahead_s = 0.0 if self.manner.by_gateway else ahead_s  # a gateway tells by its own clock
        pings = tuple(
            told_ping(ping, self.clock, ahead_s=ahead_s, ahead_told_s=told_ahead_s, told=phone.told)
            for ping in line.pings
        )
        self.lanes.add(lane, Tell(pings, told_ahead_s, self.clock.due_s(at_s) or now_s()))
        if self.manner.looks:
            self._look_in_use(lane, phone, line.pings[-1].get("foreground") is not False)

    def _look_in_use(self, lane: Lane, phone: Phone, in_use: bool) -> None:
        """Into the inbox when the app is opened, and now and then while it is open."""
        assert self.manner.inbox_every_s is not None, "asked before"
        opened, phone.in_use = in_use and not phone.in_use, in_use
        now = now_s()
        if opened or (in_use and now >= phone.looks_at_s):
            phone.looks_at_s = now + self.manner.inbox_every_s
            self.lanes.add(lane, LookInbox())

    def _brand(self, line: Identified | CustomerTold | EventTold, at_s: float, number: int) -> None:
        """What the brand's systems say; of a customer whose phone is known in that phone's lane, to keep order."""
        customer_id = self.names.told(line.customer_id)
        if isinstance(line, Identified):
            self.phone_of[line.customer_id] = line.installation_id
            lane, _ = self.people.came(line.installation_id, at_s)
            self.lanes.add(lane, Identify(customer_id))
            return
        phone = self.phone_of.get(line.customer_id)
        if phone is not None:
            lane, _ = self.people.find(phone)
        else:
            lane = self.customers.setdefault(line.customer_id, Lane(line.customer_id))
        if isinstance(line, CustomerTold):
            self.lanes.add(lane, PutCustomer(customer_id, _body(line)))
        else:
            self.lanes.add(lane, TellEvent(customer_id, self._event(line, number)))

    def _event(self, line: EventTold, number: int) -> dict[str, Any]:
        """Of this run and of now, and of no decision: those of the trace are not known here."""
        event = {name: value for name, value in line.event.items() if name != "decision_id"}
        event["event_id"] = self.names.of_event(str(event.get("event_id") or f"line-{number}"))
        try:
            happened_s = datetime.fromisoformat(event["at"]).timestamp()
        except (ValueError, OverflowError):
            return event  # the service will say what is wrong with it
        return {**event, "at": iso(self.clock.told_s(happened_s))}

    async def customer_done(self, told_name: str) -> None:
        """Until what was said before of that customer is told."""
        lane = self.customers.get(self.names.own(told_name) or "")
        while lane is not None and not lane.is_idle and not self.lanes.stopping.is_set():
            await self.lanes.pause(0.01)

    def emptied(self, lane: Lane) -> None:
        """A lane has nothing to do any more."""
        if lane.phone is None:
            self.customers.pop(lane.name, None)
        else:
            self.people.emptied(lane)

    def leave(self, lane: Lane, phone: Phone) -> None:
        """After a visit a last look for offers, and home. Asked again there is nothing left to do."""
        if phone.on_visit:
            phone.on_visit = False
            if self.manner.looks:
                self.lanes.add(lane, LookInbox())
            self.lanes.add(lane, GoHome())

    def buys(self, phone: Phone) -> bool:
        """Whether a purchase of the trace happens now too; few are kept from it by an offer that came."""
        if phone.offer is not None and phone.response is not None and phone.known:
            visit = phone.visits + 1
            if leaves_out_purchase(phone.response, self.manner.seed, phone.name, visit):
                return False
        phone.bought = True
        return True

    def goes_home(self, lane: Lane, phone: Phone) -> None:
        """Past the tills. Whether an offer made them buy is known once all offers of the visit came.

        A till knows whom the brand knows: of others the trace has no purchases, to which these would be added.
        """
        offer, phone.offer = phone.offer, None
        bought, phone.bought = phone.bought, False
        phone.visits += 1
        if offer is None or bought or phone.response is None or not phone.known:
            return
        amount = adds_purchase(phone.response, self.manner.seed, phone.name, phone.visits)
        if amount is None:
            return
        event: dict[str, Any] = {
            "event_id": self.names.of_event(f"{phone.name}-visit-{phone.visits}"),
            "type": PURCHASE,
            "at": iso(now_s()),
            "amount": amount,
            "currency": CURRENCY,
            "decision_id": offer[0],
        }
        self.record.offered(offer[1], "").bought += 1
        self.record.purchases += 1
        self.lanes.add(lane, TellEvent(phone.customer_id, event, drawn=True))

    def offered(self, phone: Phone, decision: Mapping[str, Any]) -> None:
        """An offer came to a phone, for the first time."""
        entry = self.record.offered(decision["campaign"], decision["offer"]["title"])
        entry.title, entry.offered = decision["offer"]["title"], entry.offered + 1
        phone.offer = (decision["decision_id"], decision["campaign"])
        phone.offers += 1
        slope = self.clock.slope
        for reaction in reactions(phone.response, self.manner.seed, phone.name, phone.offers):
            action = self._reaction(reaction, decision)
            if action is not None:
                self.agenda.add(now_s() + reaction.after_s * slope, phone.name, action)
        self.catch_up(now_s())

    def _reaction(self, reaction: Reaction, decision: Mapping[str, Any]) -> Action | None:
        decision_id, campaign = decision["decision_id"], decision["campaign"]
        if reaction.type != "redeemed":
            return TellOutcome(decision_id, campaign, reaction.type)
        code = decision["offer"].get("code")
        return Redeem(decision_id, campaign, code) if code and self.manner.may_speak_for_brand else None

    def catch_up(self, now: float) -> None:
        """What is due by now is given to those who do it."""
        for name, action in self.agenda.due(now):
            self.lanes.add(self.people.find(name)[0], action)


def _body(line: Registered | CustomerTold) -> dict[str, Any]:
    """As its PUT takes it."""
    told: dict[str, Any] = msgspec.to_builtins(line)
    return {name: value for name, value in told.items() if name not in _NOT_OF_BODY}
