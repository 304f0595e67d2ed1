"""Asking only the rules that have something to say gives what asking all of them in order gives."""

from datetime import timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from beacon_service.campaigns.model import StockLevel
from beacon_service.campaigns.verdict import RULES, is_not_quiet, verdict, verdicts
from tests.factories.catalogue import cap_document, offer_document, policy_document, trigger_document
from tests.factories.moments import NOW, campaign, grant, question

OWNERS = ("one", "two", "three")
DAYS = [{"from": "2026-06-03", "to": "2026-06-03"}, {"from": "2026-06-04", "to": "2026-06-09"}]
HOURS = [("00:00", "23:00"), ("03:00", "04:00"), ("01:00", "02:00")]


def some(*values, most=2):
    return st.lists(st.sampled_from(values), max_size=most, unique_by=str)


windows = st.sampled_from(
    [
        {"kind": "rolling", "n": 2, "unit": "hour"},
        {"kind": "calendar", "n": 1, "unit": "day"},
        {"kind": "calendar", "n": 2, "unit": "week"},
        {"kind": "lifetime", "n": 1, "unit": "day"},
    ]
)


@st.composite
def caps(draw, *scopes):
    """Scopes are ("campaign", {}), ("tag", {"tag": "food"}) and the like."""
    scope, named = draw(st.sampled_from(scopes))
    window = draw(windows)
    made = cap_document(
        draw(st.integers(0, 2)),
        subject=draw(st.sampled_from(["customer", "site", "total"])),
        counts=draw(st.sampled_from(["decided", "viewed"])),
        window=window,
        scope=scope,
        tz=draw(st.sampled_from(["site", "organisation"])) if window["kind"] == "calendar" else "site",
    )
    return made | named


suppressions = st.builds(
    lambda dismissals: {"dismissals": dismissals, "within_days": 7, "silence_days": 7}, st.integers(1, 2)
)
own_caps = st.lists(caps(("campaign", {}), ("offer", {})), max_size=2)
common_caps = st.lists(
    caps(("all", {}), ("tag", {"tag": "food"}), ("channel", {"channel": "response"})), max_size=2
)
offers = st.builds(
    lambda products, pool, cost: offer_document(
        "mug", products=products, cost=cost, **({"codes": {"pool": pool}} if pool else {})
    ),
    some("beans", "milk"),
    st.sampled_from([None, "summer"]),
    st.integers(0, 3),
)


instants = st.sampled_from([str(NOW), str(NOW + timedelta(1))])
budgets = st.builds(
    lambda of, per_site, pacing: {"total": 3, "per_day": 4, "of": of, "per_site": per_site, "pacing": pacing},
    st.sampled_from(["offers", "cost"]),
    st.booleans(),
    st.sampled_from(["even", "fast"]),
)
# All that a campaign may say for a rule to have something to do.
SAYINGS = {
    "trigger": st.builds(lambda nth: trigger_document("shop/cafe", nth=nth), st.integers(1, 2)),
    "status": st.just("paused"),
    "starts_at": instants,
    "ends_at": instants,
    "dayparts": some(*({"days": ["wed"], "from": first, "to": last} for first, last in HOURS)),
    "blackouts": some(*DAYS),
    "audience": st.just({"attribute": "tier", "op": "eq", "value": "gold"}),
    "kind": st.just("service"),
    "group": st.just("either"),
    "min_gap_s": st.sampled_from([60, 86_400]),
    "suppression": suppressions,
    "caps": own_caps,
    "budget": budgets,
    "offers": offers.map(lambda offer: [offer]),
}


@st.composite
def said(draw, sayings, most):
    """Some of them: who says all is refused by the first rules, and the others are never asked."""
    return {name: draw(sayings[name]) for name in draw(some(*sayings, most=most))}


@st.composite
def campaigns(draw, id_):
    return campaign(
        id_,
        tags=draw(some("food", "drink")),
        obeys_policy=draw(st.booleans()),
        counts_towards_policy=draw(st.booleans()),
        **draw(said(SAYINGS, 3)),
    )


POLICIES = {
    "caps": common_caps,
    "blackouts": some(*DAYS),
    "min_gap_s": st.sampled_from([60, 86_400]),
    "suppression": suppressions,
    "quiet": st.builds(
        lambda hours, tz, then: {"from": hours[0], "to": hours[1], "tz": tz, "then": then},
        st.sampled_from(HOURS),
        st.sampled_from(["site", "organisation"]),
        st.sampled_from(["drop", "hold", "inbox"]),
    ),
}
ledgers = st.lists(
    st.builds(
        lambda owner, ago, outcomes, rest: grant(
            owner, ago=timedelta(minutes=ago), outcomes=outcomes, offer="mug", **rest
        ),
        st.sampled_from(OWNERS),
        st.sampled_from([1, 60, 60 * 30]),
        st.sampled_from([(), ("DISMISSED",), ("DISMISSED",), ("VIEWED",), ("CLICKED",)]),
        st.fixed_dictionaries(
            {
                "policy": st.booleans(),
                "open": st.booleans(),
                "arm": st.sampled_from(["offered", "held_out"]),
                "tags": st.sampled_from([(), ("food",)]),
                "channel": st.sampled_from(["response", "push"]),
            }
        ),
    ),
    max_size=4,
)


# What speaks against every campaign at a moment, most of the time nothing: or the later rules are hardly ever asked.
troubles = st.sampled_from(
    [{}] * 9
    + [
        {"at": NOW - timedelta(minutes=10)},
        {"good_until": NOW - timedelta(seconds=1)},
        {"still_so": False},
        {"marketing": False},
        {"hours": ()},
        {"attributes": {"mood": "angry"}},
    ]
)


@st.composite
def cases(draw):
    """The same question twice, for each is told what was counted for it; and who asks."""
    about = {
        "visit": draw(st.integers(1, 2)),
        "site": draw(st.sampled_from(["shop", "shop", "shop", ""])),
        "attributes": {"tier": draw(st.sampled_from(["gold", "tin"]))},
        "policy": policy_document() | draw(said(POLICIES, 2)),
        "groups": draw(st.sampled_from([{}, {"either": "one"}])),
        "stock": {f"shop/{name}": StockLevel(draw(st.integers(0, 1)), NOW) for name in ("beans", "milk")},
        "good_until": draw(st.sampled_from([None, NOW])),
    } | draw(troubles)
    ledger, final = draw(ledgers), draw(st.booleans())
    candidates = [draw(campaigns(id_)) for id_ in OWNERS]
    keys = sorted({charge.key for one in candidates for charge in question(*ledger, **about).claims(one)})
    used = {key: draw(st.integers(0, 4)) for key in keys if draw(st.booleans())}
    quick, slow = (question(*ledger, tallies=used, final=final, **about) for _ in range(2))
    return quick, slow, candidates


def in_order(question, campaign, but=None):
    for rule in RULES:
        if rule is not but and (reason := rule(question, campaign)) is not None:
            return reason
    return None


@settings(max_examples=300, deadline=None)
@given(cases())
def test_the_rules_that_are_asked_say_what_all_of_them_say(case):
    quick, slow, candidates = case
    found = verdicts(quick, candidates)
    for reason in found.values():
        event(str(reason))
    assert found == {one.id: in_order(slow, one) for one in candidates}
    assert quick.counts == slow.counts
    for one in candidates:
        assert verdict(quick, one, but=is_not_quiet) == in_order(slow, one, but=is_not_quiet)
    assert quick.counts == slow.counts
