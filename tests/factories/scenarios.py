"""The corpus in tests/scenarios: what happens, as a person would tell it, and what must come of it.

Each file is read strictly - a field that is not known is an error - and told to whatever can take it: the memory
of `tests.factories.memory`, or a shop with HTTP and PostgreSQL. `docs` of a scenario are its field names:

- zones lie on the grid of `tests.factories.catalogue`: `square` is [column, row, columns, rows];
- a ping is `in` a zone (its middle), `at` [column, row], or brings only what it `heard`: {beacon: rssi};
- steps follow each other by `after_s`; a ping's own `ago_s` makes it older than its request;
- times in what is expected are seconds after `start_at`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from beacon_service.campaigns.programme import Programme
from beacon_service.customers.events import with_events
from beacon_service.customers.model import Customer, Installation
from beacon_service.engine import Catalogue
from beacon_service.visits.model import Presence
from beacon_service.zones.catalogue import Places
from tests.factories.catalogue import (
    IBEACON_UUID,
    beacon_document,
    campaign_document,
    cap_document,
    documents,
    floor_document,
    offer_document,
    place,
    product_document,
    site_document,
    square,
    stock_document,
    trigger_document,
    zone_document,
)
from tests.factories.memory import MemoryService

FOLDER = Path(__file__).parents[1] / "scenarios"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


class ZoneOf(Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: str
    square: tuple[float, float, float, float]
    site: str = "shop"
    floor: str | None = None
    tags: list[str] = []
    priority: int = 0
    sensitive: bool = False
    dwell_s: list[int] = []
    enter_confirm: int | None = None
    exit_hold_s: int | None = None
    parent: str | None = None
    hours: list[dict[str, Any]] | None = None

    def document(self):
        plain = msgspec.structs.asdict(self)
        column, row, columns, rows = plain.pop("square")
        return zone_document(
            plain.pop("id"), geometry=square(column, row, columns=columns, rows=rows), **plain
        )

    def middle(self):
        column, row, columns, rows = self.square
        return column + columns / 2, row + rows / 2


class BeaconOf(Struct, forbid_unknown_fields=True):
    id: str
    at: tuple[float, float]
    minor: int
    site: str = "shop"
    floor: str | None = None

    def document(self):
        identities = [f"ibeacon:{IBEACON_UUID}:1:{self.minor}"]
        return beacon_document(self.id, site=self.site, floor=self.floor, at=self.at, identities=identities)


class CampaignOf(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """As the API takes it, but that zones are "shop/cafe" and a cap says only what is special about it."""

    id: str
    trigger: dict[str, Any]
    status: str = "published"
    priority: int = 0
    starts_at: str | None = None
    ends_at: str | None = None
    audience: dict[str, Any] | None = None
    dayparts: list[dict[str, Any]] = []
    caps: list[dict[str, Any]] = []
    budget: dict[str, Any] | None = None
    hold_out: float = 0.0
    obeys_policy: bool = True
    counts_towards_policy: bool = True
    kind: str = "promotion"
    tags: list[str] = []
    context: list[str] = field(default_factory=lambda: ["affinity"])
    value: float = 1.0
    blackouts: list[dict[str, str]] = []
    min_gap_s: int | None = None
    suppression: dict[str, int] | None = None
    group: str | None = None
    fallback: bool = False
    offers: list[dict[str, Any]] = []  # where there are several; each says only what is special about it
    expires_after_s: int = 3600

    def document(self):
        plain = msgspec.structs.asdict(self)
        expires_after_s = plain.pop("expires_after_s")
        offers = [
            offer_document(expires_after_s=expires_after_s, id_=one.pop("id"), **one)
            for one in [dict(one) for one in plain.pop("offers")] or [{"id": self.id}]
        ]
        trigger = dict(plain.pop("trigger"))
        return campaign_document(
            plain.pop("id"),
            trigger=trigger_document(*trigger.pop("zones", ()), **trigger),
            caps=[cap_document(**cap) for cap in plain.pop("caps")],
            offers=offers,
            **plain,
        )


class PolicyOf(Struct, forbid_unknown_fields=True):
    caps: list[dict[str, Any]] = []
    hold_out: float = 0.0
    time_zone: str = "UTC"
    blackouts: list[dict[str, str]] = []
    min_gap_s: int | None = None
    suppression: dict[str, int] | None = None
    quiet: dict[str, Any] | None = None

    def document(self):
        plain = msgspec.structs.asdict(self)
        return plain | {"caps": [_policy_cap(**cap) for cap in self.caps]}


def _policy_cap(*, tag=None, channel=None, **fields):
    about = {"tag": tag} if tag else {"channel": channel} if channel else {}
    return cap_document(**{"scope": "all"} | fields) | about


class Configuration(Struct, forbid_unknown_fields=True):
    zones: list[ZoneOf]
    campaigns: list[CampaignOf] = []
    beacons: list[BeaconOf] = []
    sites: dict[str, str] = field(default_factory=lambda: {"shop": "Europe/Amsterdam"})  # id -> time zone
    floors: dict[str, int] = {}  # id -> level, all of them the shop's
    policy: PolicyOf = field(default_factory=PolicyOf)
    pools: dict[str, list[str]] = {}  # id -> codes, in the order in which they are given out
    audiences: dict[str, dict[str, Any]] = {}  # id -> rule
    products: dict[str, dict[str, Any]] = {}  # id -> name, and what else is special about it
    stock: dict[str, dict[str, int]] = {}  # site -> product -> how many, counted at the start

    def kinds(self, start_at):
        return {
            "sites": [site_document(id_, time_zone=time_zone) for id_, time_zone in self.sites.items()],
            "floors": [floor_document(id_, level=level) for id_, level in self.floors.items()],
            "zones": [zone.document() for zone in self.zones],
            "beacons": [beacon.document() for beacon in self.beacons],
            "campaigns": [campaign.document() for campaign in self.campaigns],
            "policy": self.policy.document(),
            "audiences": [{"id": id_, "name": id_, "rule": rule} for id_, rule in self.audiences.items()],
            "products": [product_document(id_, **about) for id_, about in self.products.items()],
            "stock": [
                stock_document(product, quantity, site=site, at=start_at.isoformat())
                for site, levels in self.stock.items()
                for product, quantity in levels.items()
            ],
        }


class PhoneOf(Struct, forbid_unknown_fields=True):
    customer: str
    attributes: dict[str, Any] = {}
    marketing: bool = True
    location: bool = True
    time_zone: str | None = None
    locale: str | None = None
    lists: list[str] = []  # that the customer is on
    did: list[tuple[str, float]] = []  # (event, days before the start) of the customer

    def happened(self, start_at):
        return [(kind, start_at - timedelta(days=days)) for kind, days in self.did]


class PingOf(Struct, forbid_unknown_fields=True):
    id: str
    inside: str | None = field(default=None, name="in")
    at: tuple[float, float] | None = None
    heard: dict[str, int] = {}
    ago_s: float = 0
    accuracy_m: float = 3.0
    floor: str | None = None
    mocked: bool = False


class StepOf(Struct, forbid_unknown_fields=True):
    after_s: float
    pings: dict[str, list[PingOf]] = {}
    tick: bool = False
    outcomes: dict[str, str] = {}  # phone -> what became of the last offer that it was made
    verdicts: list[str] | None = None  # of the pings in order, where not all of them are accepted


class Decided(Struct, forbid_unknown_fields=True, frozen=True, order=True):
    """`at`: "0 anna entered cafe", the moment; `won` with the channel unless it is the response."""

    at: str
    won: str | None = None
    lost: dict[str, str] = {}
    channel: str = "response"


class Expected(Struct, forbid_unknown_fields=True):
    """`offers` and `scores`: what was said at a moment and what decided it, as far as the scenario is about it."""

    events: list[str]
    decisions: list[Decided]
    offers: dict[str, dict[str, str | None]] = {}
    scores: dict[str, dict[str, float]] = {}

    def said(self, offers):
        """Of (moment, offer as a dict), what is to be compared with `offers`."""
        found = dict(offers)
        return {at: {name: found[at][name] for name in texts} for at, texts in self.offers.items()}

    def weighed(self, scores):
        """Of (moment, scores), what is to be compared with `scores`; to the second place."""
        found = dict(scores)
        return {at: {name: round(value, 2) for name, value in found[at].items()} for at in self.scores}


class Scenario(Struct, forbid_unknown_fields=True):
    describe: str
    start_at: datetime
    configuration: Configuration
    phones: dict[str, PhoneOf]
    steps: list[StepOf]
    expect: Expected

    def wire(self, ping, now):
        """The ping as a phone sends it."""
        body = {"ping_id": ping.id, "at": (now - timedelta(seconds=ping.ago_s)).isoformat()}
        if ping.heard:
            minors = {beacon.id: beacon.minor for beacon in self.configuration.beacons}
            body["sightings"] = [
                {"type": "ibeacon", "uuid": IBEACON_UUID, "major": 1, "minor": minors[name], "rssi": rssi}
                for name, rssi in ping.heard.items()
            ]
        where = ping.at
        if ping.inside is not None:
            (where,) = [zone.middle() for zone in self.configuration.zones if zone.id == ping.inside]
        if where is not None:
            longitude, latitude = place(*where)
            fix = {"longitude": longitude, "latitude": latitude, "accuracy_m": ping.accuracy_m}
            body["position"] = fix | {"floor": ping.floor, "mocked": ping.mocked}
        return body

    def moment(self, phone, move, zone, measure, at):
        """`30 anna dwelled(30) cafe`, `30 anna approached(150) cafe`"""
        threshold = f"({measure})" if measure else ""
        return f"{(at - self.start_at).total_seconds():g} {phone} {move}{threshold} {zone}"

    def run(self, post, tick, report):
        """Every step told to `post(batches, now)`, which answers (status, reasons) for each ping, `report(phone, outcome, now)`
        and `tick(now)`.
        """
        now = self.start_at
        for number, step in enumerate(self.steps):
            now += timedelta(seconds=step.after_s)
            for phone, outcome in step.outcomes.items():
                report(phone, outcome, now)
            if step.tick:
                tick(now)
            if step.pings:
                batches = {
                    phone: [self.wire(ping, now) for ping in pings] for phone, pings in step.pings.items()
                }
                answered = [_verdict(*one) for one in post(batches, now)]
                expected = step.verdicts or ["accepted"] * len(answered)
                assert answered == expected, f"step {number}"


def load(name):
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Scenario)


def in_memory(scenario):
    """The scenario's world in dicts; keys are given out in the order of the phones, as PostgreSQL does."""
    told = documents(**scenario.configuration.kinds(scenario.start_at))
    catalogue = Catalogue.of(1, Places().updated(told), Programme().updated(told))
    keys, customers, installations = {}, {}, {}
    for number, (name, phone) in enumerate(scenario.phones.items(), start=1):
        key = keys.setdefault(phone.customer, len(keys) + 1)
        located = phone.location or (key in customers and customers[key].location)
        did = with_events({}, phone.happened(scenario.start_at), scenario.start_at)
        about = (phone.attributes, phone.marketing, located, did, tuple(sorted(phone.lists)))
        customers[key] = Customer(key, phone.customer, False, *about)
        installations[name] = Installation(
            number, name, key, phone.location, Presence(), locale=phone.locale, time_zone=phone.time_zone
        )
    pools = scenario.configuration.pools
    return MemoryService(catalogue, installations, customers, seed=count(1).__next__, pools=pools)


def in_time(lines: Iterable[str]):
    return sorted(lines, key=lambda line: (float(line.split()[0]), line))


def _verdict(status, reasons):
    return " ".join([status, *reasons])
