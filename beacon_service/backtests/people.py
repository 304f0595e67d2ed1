"""Everybody whom a replay has met so far, as the engine reads them: what the rows of a live service hold of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from msgspec.structs import replace

from beacon_service.backtests.counting import LedgerGrant, SharedCounts
from beacon_service.campaigns.moment import Memory
from beacon_service.customers.model import Customer, Installation
from beacon_service.engine import World
from beacon_service.visits.model import Presence


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as the replay finds them; `upto`: what is later in the history has not happened to them yet."""

    customer: Customer
    memory: Memory
    installations: tuple[Installation, ...] = ()
    ledger: tuple[LedgerGrant, ...] = ()
    upto: int = 0


@dataclass(slots=True)
class People:
    """By key. What is handed out is what is held: the engine changes none of it."""

    customers: dict[int, Customer] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    memories: dict[int, Memory] = field(default_factory=dict)
    ledgers: dict[int, list[LedgerGrant]] = field(default_factory=dict)
    upto: dict[int, int] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)  # who became part of whom
    _phones: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))  # by customer

    @property
    def world(self) -> World:
        return World(self.installations, self.customers, self.memories, self.ledgers)

    def meet(self, found: Iterable[Person]) -> None:
        for person in found:
            key = person.customer.key
            self.customers[key] = person.customer
            self.memories[key] = person.memory
            self.ledgers[key] = list(person.ledger)
            self.upto[key] = person.upto
            for phone in person.installations:
                self.hand(phone)

    def forget(self, key: int) -> None:
        """Who was erased, or has become part of another."""
        for held in (self.customers, self.memories, self.ledgers, self.upto):
            held.pop(key, None)
        for phone in self._phones.pop(key, ()):
            del self.installations[phone]

    def whose(self, customer: int) -> int:
        """Who the customer is by now."""
        while customer in self.merged:
            customer = self.merged[customer]
        return customer

    def phones(self, customer: int) -> list[Installation]:
        return [self.installations[key] for key in self._phones.get(customer, ())]

    def hand(self, phone: Installation) -> None:
        """The phone is as told from now on, and whose it says."""
        before = self.installations.get(phone.key)
        if before is not None:
            self._phones[before.customer_key].discard(phone.key)
        self.installations[phone.key] = phone
        self._phones[phone.customer_key].add(phone.key)

    def phone(self, key: int, customer: int) -> Installation:
        """Of one that is heard of for the first time nothing is known but whose it is."""
        found = self.installations.get(key)
        if found is None:
            found = Installation(key, str(key), customer, location=False, presence=Presence())
            self.hand(found)
        return found

    def moved(self, presences: Mapping[int, Presence]) -> None:
        for key, presence in presences.items():
            self.installations[key] = replace(self.installations[key], presence=presence)

    def settle_location(self, customer: int) -> None:
        """A customer may be located where any of their phones may."""
        located = any(phone.location for phone in self.phones(customer))
        self.customers[customer] = replace(self.customers[customer], location=located)

    def granted(self, customer: int, grant: LedgerGrant, counts: SharedCounts) -> None:
        self.ledgers[customer].append(grant)
        counts.granted(grant)

    def became(
        self,
        customer: int,
        decision_id: UUID,
        counts: SharedCounts,
        *,
        bits: int = 0,
        closed: str | None = None,
    ) -> None:
        """An outcome of what was offered by a decision, or the end of the reservation of campaign `closed`."""
        ledger = self.ledgers.get(self.whose(customer), [])
        for place, grant in enumerate(ledger):
            if grant.decision_id != decision_id or grant.arm != "offered":
                continue
            if closed is not None and grant.campaign != closed:
                continue
            after = replace(grant, outcomes=grant.outcomes | bits, open=grant.open and closed is None)
            ledger[place] = after
            counts.became(grant, after)
