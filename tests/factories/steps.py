"""One step of the engine told in a few words: a catalogue, one customer's phones, pings and ticks."""

from datetime import timedelta

from beacon_service.campaigns.moment import Memory
from beacon_service.campaigns.programme import Programme
from beacon_service.campaigns.shared import Shared
from beacon_service.customers.model import Customer, Installation
from beacon_service.engine import Catalogue, Ping, Tick, World, choose, follow
from beacon_service.visits.model import Presence
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Position
from tests.factories.catalogue import documents, place
from tests.factories.moments import NOW

ANNA, PHONE, WATCH = 7, 70, 71


def catalogue(*, version=1, **kinds):
    told = documents(**kinds)
    return Catalogue.of(version, Places().updated(told), Programme().updated(told))


def world(*, presences=None, memory=None, ledger=(), marketing=True, location=True):
    """Anna with a phone and a watch."""
    presences = presences or {}
    return World(
        installations={
            key: Installation(key, f"of-{key}", ANNA, location, presences.get(key, Presence()))
            for key in (PHONE, WATCH)
        },
        customers={ANNA: Customer(ANNA, "anna", False, {}, marketing)},
        memories={ANNA: memory or Memory()},
        ledgers={ANNA: ledger},
    )


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def ping(seconds, where=(0.5, 0.5), *, phone=PHONE, id_=None, seed=1, accuracy_m=2.0):
    longitude, latitude = place(*where)
    return Ping(
        phone,
        id_ or f"at-{seconds}",
        at(seconds),
        0,
        seed,
        "2026-06-03",
        position=Position(longitude, latitude, accuracy_m),
    )


def tick(seconds, *, phone=PHONE, seed=1):
    return Tick(phone, at(seconds), seed)


OUTSIDE = (9, 9)


class Story:
    """Steps one after the other, each acting on what the one before left behind."""

    def __init__(self, catalogue, **about):
        self.catalogue, self.world, self.about = catalogue, world(**about), about
        self.events, self.decisions, self.followed = [], [], []

    def then(self, *causes, now=None, catalogue=None):
        """The causes as one step, taken at the last one's time unless told otherwise."""
        self.catalogue = catalogue or self.catalogue
        last = causes[-1]
        now = now or (last.until_at if isinstance(last, Tick) else last.at)
        followed, presences = follow(self.catalogue, self.world, causes, now)
        told, memories = choose(self.catalogue, self.world, followed, now, Shared({}))
        kept = {key: one.presence for key, one in self.world.installations.items()} | presences
        memory = memories.get(ANNA, self.memory)
        self.world = world(**(self.about | {"presences": kept, "memory": memory}))
        self.followed += followed
        self.events += [event for one in told for event in one.events]
        self.decisions += [decision for one in told for decision in one.decisions]
        return self

    @property
    def memory(self):
        return self.world.memories[ANNA]

    @property
    def moves(self):
        return [f"{event.move.type} {event.zone}" for event in self.events]
