"""`python -m benchmarks.decide`: what one moment costs with a thousand campaigns, a hundred of them for its zone.

The campaigns are written as a marketer would send them and read by the service's own schema; the moments are asked of
the engine that answers pings, without a database: what is measured is one core's work between two trips to it. `mixed`:
most campaigns lose by who the customer is, the hour or a cap, as in life. `varied`: the same, but no two campaigns have
an audience in common, so that each is asked for itself. `worst`: nothing speaks against any of them, so that all are
held against every rule, and ranked. Each decision must tell of all hundred why they lost, or won.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.ledger import Grant, Outcome
from beacon_service.campaigns.moment import Memory, Moment
from beacon_service.campaigns.policy_schema import PolicyIn
from beacon_service.campaigns.programme import Programme
from beacon_service.campaigns.schema import CampaignIn
from beacon_service.campaigns.shared import Shared
from beacon_service.configuration.model import Documents
from beacon_service.customers.model import Customer, Installation
from beacon_service.engine.choose import ask
from beacon_service.engine.model import Catalogue, World
from beacon_service.ids import derived_uuid
from beacon_service.visits.model import Presence, Visit
from beacon_service.zones.catalogue import Places
from beacon_service.zones.schema import SiteIn, ZoneIn

Kind = Literal["mixed", "varied", "worst"]
KINDS: tuple[Kind, ...] = ("mixed", "varied", "worst")
CAMPAIGNS, ZONES = 1_000, 10
MOMENTS, ROUNDS = 300, 7
AIM_MS = 1.0
NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
DAY = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "20:00"}
MORNING = {"days": ["sat", "sun"], "from": "08:00", "to": "12:00"}
TITLE = "For {{ customer.attributes.name | default: 'you' }}"
POLICY = {
    "time_zone": "Europe/Amsterdam",
    "caps": [
        {
            "scope": "all",
            "subject": "customer",
            "limit": 50,
            "window": {"kind": "rolling", "n": 1, "unit": "day"},
        }
    ],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decide", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    options = parser.parse_args()
    figures = {kind: measure(kind) for kind in KINDS}
    for name, found in figures.items():
        print(
            f"{name}: {found['ms']:.2f} ms a moment (median of {ROUNDS} rounds of {MOMENTS}; "
            f"{found['fastest_ms']:.2f} to {found['slowest_ms']:.2f}); lost for {found['reasons']}"
        )
    if options.json:
        print(json.dumps(figures))
    return 0 if figures["mixed"]["ms"] < AIM_MS else 1


def measure(kind: Kind) -> dict[str, Any]:
    catalogue = _catalogue(kind)
    moments = [_moment(number) for number in range(MOMENTS)]
    worlds = [_world(moment) for moment in moments]
    rounds, decisions = [], []
    for _ in range(ROUNDS):
        began = time.process_time()
        decisions = [
            ask(catalogue, world, moment, NOW, Shared({}))
            for moment, world in zip(moments, worlds, strict=True)
        ]
        rounds.append((time.process_time() - began) / MOMENTS * 1e3)
    reasons = _checked(decisions)
    return {
        "ms": round(statistics.median(rounds), 3),
        "fastest_ms": round(min(rounds), 3),
        "slowest_ms": round(max(rounds), 3),
        "reasons": reasons,
    }


def _checked(decisions: list[Decision]) -> Mapping[str, int]:
    """How many lost for what; of every moment all the campaigns of its zone are accounted for."""
    found: dict[str, int] = {}
    for decision in decisions:
        told = {*decision.reasons, decision.campaign} - {None}
        if len(told) != CAMPAIGNS // ZONES:
            raise AssertionError(f"a decision tells of {len(told)} campaigns, not of {CAMPAIGNS // ZONES}")
        for reason in decision.reasons.values():
            found[reason] = found.get(reason, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _catalogue(kind: Kind) -> Catalogue:
    site = SiteIn.model_validate({"name": "Shop", "time_zone": "Europe/Amsterdam"})
    bodies: dict[Any, Any] = {("site", "shop"): site.document("shop")}
    for number in range(ZONES):
        west = 4.9 + number * 0.001
        ring = [[west, 52.0], [west + 0.0005, 52.0], [west + 0.0005, 52.0005], [west, 52.0005], [west, 52.0]]
        zone = ZoneIn.model_validate(
            {
                "name": f"Zone {number}",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "tags": [f"aisle-{number % 3}"],
            }
        )
        bodies["zone", f"shop/z{number}"] = zone.document("shop", f"z{number}")
    for number in range(CAMPAIGNS):
        campaign = CampaignIn.model_validate(_campaign(number, kind))
        bodies["campaign", f"c{number:04}"] = campaign.document(f"c{number:04}") | {"revision": 1}
    bodies["policy", "policy"] = PolicyIn.model_validate(POLICY).document()
    documents = Documents(1, bodies)
    return Catalogue.of(1, Places().updated(documents), Programme().updated(documents))


def _campaign(number: int, kind: Kind) -> dict[str, Any]:
    """One of a marketer's many; of the `worst` kind one that speaks to everybody at any hour."""
    worst = kind == "worst"
    body: dict[str, Any] = {
        "name": f"Campaign {number}",
        "status": "published",
        "priority": number % 7,
        "trigger": {"move": "entered", "zones": [{"site": "shop", "zone": f"z{number % ZONES}"}]},
        "audience": {"all": list(_wanted(number, kind))},
        "dayparts": [DAY if worst or number % 4 else MORNING],
        "caps": [
            {"subject": "customer", "limit": 30 if worst else 1 + number % 3, "window": {"kind": "lifetime"}},
            {
                "subject": "customer",
                "limit": 30,
                "window": {"kind": "calendar", "n": 1, "unit": "week"},
            },
        ],
        "tags": [f"aisle-{number % 3}"],
        "hold_out": 0.1,
        "offers": [
            {
                "id": "offer",
                "title": "For {{ customer.attributes.name | default: 'you' }}",
                "body": "Today only.",
            }
        ],
    }
    if number % 5 == 0:
        body["budget"] = {"per_day": 1_000, "pacing": "even"}
    if number % 10 == 0:
        body["learn"] = {"goal": "clicked", "by": "tier"}
    return body


def _wanted(number: int, kind: Kind) -> Iterator[dict[str, Any]]:
    worst = kind == "worst"
    # Nobody of the moments is between 18 and 19.
    yield {"attribute": "age", "op": "ge", "value": 18 + number / CAMPAIGNS if kind == "varied" else 18}
    yield {
        "attribute": "tier",
        "op": "in",
        "value": ["gold", "silver"] if worst or number % 3 else ["bronze"],
    }
    if number % 2:
        yield {"visits": {"site": "shop"}, "op": "ge", "value": 1 if worst else number % 12}


def _moment(number: int) -> Moment:
    return Moment(
        key=derived_uuid("benchmark", number),
        customer_key=number,
        installation_key=number,
        site="shop",
        zone=f"z{number % ZONES}",
        move="entered",
        dwell_s=None,
        visit=3,
        visit_started_at=NOW - timedelta(minutes=5),
        at=NOW,
        seed=number,
        channel="response",
    )


def _world(moment: Moment) -> World:
    """A regular: seen in every zone, with twenty offers behind them."""
    key = moment.customer_key
    customer = Customer(
        key,
        f"customer-{key}",
        anonymous=False,
        attributes={"tier": "gold", "age": 20 + key % 60},
        marketing=True,
    )
    visited = Visit(number=4, started_at=NOW - timedelta(days=3), left_at=NOW - timedelta(days=3))
    places = ["shop", *(f"shop/z{number}" for number in range(ZONES))]
    ledger = [
        Grant(
            campaign=f"c{(moment.customer_key + 7 * back) % CAMPAIGNS:04}",
            arm="offered",
            site="shop",
            policy=True,
            decided_at=NOW - timedelta(hours=5 * back),
            open=False,
            outcomes=int(Outcome.DELIVERED),
            offer="offer",
            channel="response",
        )
        for back in range(1, 21)
    ]
    return World(
        {key: Installation(key, f"phone-{key}", key, location=True, presence=Presence())},
        {key: customer},
        {key: Memory(visits=dict.fromkeys(places, visited))},
        {key: ledger},
    )


if __name__ == "__main__":
    sys.exit(main())
