"""How each action is done: which request it is, with which key, and what its answer means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from simulators.client import Answer, Client, Keys, Later, bearer, words_of
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
from simulators.replaying.clock import iso, now_s
from simulators.replaying.gateway import Gateway
from simulators.replaying.lanes import Lane
from simulators.replaying.people import PURCHASE
from simulators.replaying.phone import Phone
from simulators.replaying.record import Record, count
from simulators.replaying.telling import ToldPing


class Onlooker(Protocol):
    """Is told what phones are told, as it comes. Installations by the service's names for them."""

    def judged(self, installation_id: str, ping: ToldPing, status: str) -> None: ...
    def answered(self, installation_id: str, body: Mapping[str, Any]) -> None: ...


# Takes an offer that is news to a phone: what its person makes of it.
Offer = Callable[[Phone, Mapping[str, Any]], None]


@dataclass(slots=True)
class Errands:
    client: Client
    keys: Keys
    record: Record
    offer: Offer
    goes_home: Callable[[Lane, Phone], None]
    buys: Callable[[Phone], bool]  # a purchase of the trace: whether it happens now, too
    customer_done: Callable[[str], Any]  # awaited: nothing is out or waiting for that customer
    onlooker: Onlooker | None = None
    gateway: Gateway | None = None
    shared_codes: set[str] = field(default_factory=set)  # campaigns that give everybody the same one

    async def perform(self, lane: Lane, some: Sequence[Action]) -> Later | None:
        """Several are reports of one phone."""
        first = some[0]
        if isinstance(first, PutCustomer | TellEvent):
            return None if self._does_not_happen(lane, first) else await self._for_customer(first)
        assert lane.phone is not None, "only phones do all else"
        if lane.phone.refused:
            return None  # told once, when it was refused
        if isinstance(first, Tell):
            return await self._tell(lane, lane.phone, cast("Sequence[Tell]", some))
        if isinstance(first, Register):
            return await self._register(lane.phone, first)
        if isinstance(first, Identify):
            return await self._identify(lane.phone, first)
        if isinstance(first, TellOutcome):
            return await self._tell_outcome(lane.phone, first)
        if isinstance(first, Redeem):
            return await self._redeem(lane.phone, first)
        if isinstance(first, GoHome):
            self.goes_home(lane, lane.phone)
            return None
        assert isinstance(first, LookInbox), "there are no others"
        return await self._look(lane.phone)

    async def _register(self, phone: Phone, action: Register) -> Later | None:
        """The app's first start, or what it says anew of itself."""
        path = f"/v1/installations/{phone.told_name}"
        headers = self.secret() if self.gateway else bearer(self.keys.publishable, phone.token or None)
        answer = await self.client.attempt("PUT", path, headers=headers, body=action.body)
        if isinstance(answer, Answer) and answer.code == "token_wrong" and phone.tried and self.keys.secret:
            # The first try came through and its answer did not: the token in it is lost, so another is asked for.
            asked = f"{path}?rotate_token=true"
            answer = await self.client.attempt("PUT", asked, headers=self.secret(), body=action.body)
        if isinstance(answer, Later):
            phone.tried = True
            return answer
        if not answer.ok:
            phone.refused = not phone.token
            hint = "; name another run with --as" if answer.code == "token_wrong" else ""
            self.record.problem(
                f"registering {phone.told_name} was answered {answer.status}: {words_of(answer)}{hint}"
            )
            return None
        if not phone.customer_id:
            self.record.installations += 1
        phone.token = answer.body.get("installation_token") or phone.token
        phone.customer_id = phone.customer_id or answer.body.get("customer_id", "")
        return None

    async def _identify(self, phone: Phone, action: Identify) -> Later | None:
        await self.customer_done(action.customer_id)
        path = f"/v1/installations/{phone.told_name}/identify"
        body = {"customer_id": action.customer_id}
        answer = await self.client.attempt("POST", path, headers=self.secret(), body=body)
        if isinstance(answer, Answer) and answer.ok:
            phone.customer_id, phone.known = action.customer_id, True
        return self._unless_refused(answer, f"identifying {phone.told_name}")

    async def _tell(self, lane: Lane, phone: Phone, some: Sequence[Tell]) -> Later | None:
        pings = [ping for one in some for ping in one.pings]
        if self.gateway is not None:
            answer = await self.gateway.report(phone.told_name, pings)
        else:
            body = {
                "installation_id": phone.told_name,
                "sent_at": iso(now_s() + some[-1].ahead_s),
                "pings": [ping.body for ping in pings],
            }
            answer = await self.client.attempt("POST", "/v1/pings", headers=self.own(phone), body=body)
        if isinstance(answer, Later):
            return answer
        if not lane.failures:
            self.record.late.add(max(0.0, (now_s() - some[0].due_s) * 1000 - answer.took_ms))
        if not answer.ok:
            self.record.problem(
                f"{len(pings)} pings of {phone.told_name} were answered {answer.status}: {words_of(answer)}"
            )
            return None
        self._judge(phone, pings, answer)
        self.receive(phone, answer.body)
        return None

    def _judge(self, phone: Phone, pings: Sequence[ToldPing], answer: Answer) -> None:
        """Verdicts stand in the order of the pings."""
        self.record.answered.add(answer.took_ms)
        results = answer.body.get("results", ()) if isinstance(answer.body, dict) else ()
        for index, ping in enumerate(pings):
            result = results[index] if index < len(results) else {}
            if "status" not in result or result.get("ping_id") not in {ping.ping_id, None}:
                self.record.problem(f"ping {ping.ping_id} of {phone.told_name} got no verdict")
                continue
            self.record.verdict(result["status"], result.get("reasons", ()))
            if self.onlooker is not None:
                self.onlooker.judged(phone.told_name, ping, result["status"])

    def receive(self, phone: Phone, body: Mapping[str, Any]) -> None:
        """Moves and offers, each of them counted once, however often it comes."""
        if not isinstance(body, dict):
            return
        if self.onlooker is not None:
            self.onlooker.answered(phone.told_name, body)
        for event in body.get("events", ()):
            if phone.moves(event["event_id"]):
                count(self.record.moves, event["type"])
        for decision in body.get("decisions", ()):
            if phone.shows(decision["decision_id"]):
                self.offer(phone, decision)

    async def _look(self, phone: Phone) -> Later | None:
        """Offers that a timer decided have no ping to be answered with; they wait in the inbox."""
        path = f"/v1/installations/{phone.told_name}/inbox"
        answer = await self.client.attempt("GET", path, headers=self.own(phone))
        if isinstance(answer, Answer) and answer.ok:
            self.receive(phone, answer.body)
        return self._unless_refused(answer, f"the inbox of {phone.told_name}")

    async def _tell_outcome(self, phone: Phone, action: TellOutcome) -> Later | None:
        # By a right clock: an app that knows its own to be wrong has the server's from an answer's Date.
        body = {"decision_id": action.decision_id, "type": action.type, "at": iso(now_s())}
        headers = self.secret() if action.type == "redeemed" else self.own(phone)
        answer = await self.client.attempt("POST", "/v1/outcomes", headers=headers, body=body)
        if isinstance(answer, Answer) and answer.ok:
            count(self.record.offered(action.campaign, "").outcomes, action.type)
        return self._unless_refused(answer, f"an outcome of {phone.told_name}")

    async def _redeem(self, phone: Phone, action: Redeem) -> Later | None:
        """At the till. A code that everybody is given is no customer's: then the till reports the outcome."""
        if action.campaign not in self.shared_codes:
            path, body = f"/v1/codes/{action.code}:redeem", {"redemption_id": action.decision_id}
            answer = await self.client.attempt("POST", path, headers=self.secret(), body=body)
            if isinstance(answer, Later) or answer.code == "code_expired":  # who comes too late goes without
                return answer if isinstance(answer, Later) else None
            if answer.status != 404:
                if answer.ok:
                    count(self.record.offered(action.campaign, "").outcomes, "redeemed")
                return self._unless_refused(answer, f"redeeming a code of {action.campaign}")
            self.shared_codes.add(action.campaign)
        return await self._tell_outcome(phone, TellOutcome(action.decision_id, action.campaign, "redeemed"))

    def _does_not_happen(self, lane: Lane, action: PutCustomer | TellEvent) -> bool:
        if not isinstance(action, TellEvent) or action.drawn or lane.phone is None or lane.failures:
            return False
        return action.event.get("type") == PURCHASE and not self.buys(lane.phone)

    async def _for_customer(self, action: PutCustomer | TellEvent) -> Later | None:
        path = f"/v1/customers/{action.customer_id}"
        if isinstance(action, PutCustomer):
            answer = await self.client.attempt("PUT", path, headers=self.secret(), body=action.body)
            return self._unless_refused(answer, f"customer {action.customer_id}")
        body = {"events": [action.event]}
        answer = await self.client.attempt("POST", f"{path}/events", headers=self.secret(), body=body)
        results = answer.body.get("results", ()) if isinstance(answer, Answer) and answer.ok else ()
        for result in results:
            if result["status"] == "rejected":
                why = ", ".join(result["reasons"])
                self.record.problem(f"an event of customer {action.customer_id} was rejected: {why}")
        return self._unless_refused(answer, f"an event of customer {action.customer_id}")

    def _unless_refused(self, answer: Answer | Later, what: str) -> Later | None:
        """A refusal is a problem to be told, and not to be tried again."""
        if isinstance(answer, Later):
            return answer
        if not answer.ok:
            self.record.problem(f"{what} was answered {answer.status}: {words_of(answer)}")
        return None

    def own(self, phone: Phone) -> dict[str, str]:
        return self.secret() if self.gateway else bearer(self.keys.publishable, phone.token)

    def secret(self) -> dict[str, str]:
        return bearer(self.keys.secret)
