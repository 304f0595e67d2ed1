"""A moment of decision told in a few words: who, when, what the ledger holds, and which campaigns ask."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from beacon_service.campaigns.building import campaign_of, policy_of
from beacon_service.campaigns.caps import Standing
from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.ledger import Grant, Outcome, Tally
from beacon_service.campaigns.moment import Moment
from beacon_service.campaigns.question import Question
from beacon_service.campaigns.shared import Shared
from beacon_service.ids import derived_uuid
from tests.factories.catalogue import campaign_document, cap_document, policy_document

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


def moment(**fields):
    """Anna's phone has just entered the café, on her first visit."""
    plain = {
        "key": derived_uuid("moment"),
        "customer_key": 7,
        "installation_key": 70,
        "site": "shop",
        "zone": "cafe",
        "move": "entered",
        "dwell_s": None,
        "visit": 1,
        "visit_started_at": NOW - timedelta(minutes=5),
        "at": NOW,
        "seed": 1,
        "channel": "response",
    }
    return Moment(**(plain | fields))


def question(*ledger, tallies=None, final=False, policy=None, **fields):
    """All that the rules may know. `tallies`: shared counts as used so far; fields of the moment go in as well."""
    about = {name: fields.pop(name) for name in tuple(fields) if name in Moment.__struct_fields__}
    plain = {
        "moment": moment(**about),
        "attributes": {},
        "marketing": True,
        "ledger": ledger,
        "arms": {},
        "now": NOW,
        "time_zone": AMSTERDAM,
        "policy": policy_of(policy or policy_document()),
        "shared": shared(tallies, final=final),
    }
    return Question(**(plain | fields))


def shared(tallies=None, *, final=False):
    return Shared({key: Tally(used) for key, used in (tallies or {}).items()}, final=final)


def campaign(id_="coffee", **fields):
    return campaign_of(campaign_document(id_, **fields))


def cap(limit=1, **fields):
    """As the caps of a campaign are compiled."""
    return campaign("any", caps=[cap_document(limit, **fields)]).caps[0]


def grant(campaign="coffee", *, ago=timedelta(), at=None, outcomes=(), **fields):
    """A row of the ledger, as long before now as said."""
    bits = sum(Outcome.named(name) for name in outcomes)
    plain = {"arm": "offered", "site": "shop", "policy": True, "open": False}
    return Grant(campaign=campaign, decided_at=at or NOW - ago, outcomes=bits, **(plain | fields))


def standing(
    now=NOW, *, time_zone=AMSTERDAM, site="shop", visit_started_at=NOW - timedelta(minutes=5), **fields
):
    return Standing(now, time_zone, site, visit_started_at, **{"organisation_zone": time_zone, **fields})


def chosen(asked, *campaigns):
    """(the winner, why each other lost)"""
    decision = decide(asked, sorted(campaigns, key=lambda one: one.id))
    return decision.campaign, decision.reasons
