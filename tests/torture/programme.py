"""What is tortured with: campaigns and a contact policy with every sort of bound, and a pool of codes.

Offers expire within seconds, so that reservations and codes are given back while the traffic runs; limits are so low
that traffic of less than a minute reaches them.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from tests.torture.world import (
    LIFETIME,
    MINUTE,
    THIS_HOUR,
    THIS_MINUTE,
    TODAY,
    ZONES,
    Keys,
    campaign,
    cap,
    make_annex,
    make_site,
    post,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

POOL = "tokens"
# Those that are given out come to an end before the traffic does; edits bring more.
FIRST_CODES, MORE_CODES = 8, 2
EVERYWHERE = ["even", "odd"]


def configure(http: httpx2.Client, keys: Keys) -> None:
    """Everything over HTTP, as a marketer's tool would; raises on the first refusal."""
    make_site(http, keys)
    make_annex(http, keys)
    put(http, keys, f"/v1/code-pools/{POOL}", {"name": "Tokens"})
    post(http, keys, f"/v1/code-pools/{POOL}/codes", {"codes": [f"T-{n:04d}" for n in range(FIRST_CODES)]})
    put(http, keys, "/v1/policy", POLICY)
    for name, body in CAMPAIGNS.items():
        put(http, keys, f"/v1/campaigns/{name}", body)


def more_codes() -> Iterator[dict[str, Any]]:
    """Bodies of imports, none of them twice."""
    for batch in count(1):
        yield {"codes": [f"M-{batch:04d}-{n:02d}" for n in range(MORE_CODES)]}


def _offer(offer: str, **other: Any) -> dict[str, Any]:
    return {"id": offer, "title": "An offer", "body": "For you.", "expires_after_s": 2, **other}


CAMPAIGNS = {
    "three-each": campaign(
        "entered", ZONES, priority=10, expires_after_s=3, caps=[cap(3, "customer", LIFETIME)], hold_out=0.2
    ),
    "rush": campaign(
        "entered", ZONES[:8], priority=30, expires_after_s=60, caps=[cap(40, "total", LIFETIME)]
    ),
    "flash": campaign(
        "entered", ZONES[8:16], priority=25, expires_after_s=2, caps=[cap(25, "total", MINUTE)]
    ),
    "at-site": campaign(
        "exited",
        ZONES[:5],
        priority=20,
        expires_after_s=2,
        caps=[cap(60, "site", THIS_MINUTE), cap(9, "customer", TODAY)],
    ),
    "seen-twice": campaign(
        "exited", ZONES[5:], priority=5, expires_after_s=2, caps=[cap(2, "customer", LIFETIME, "viewed")]
    ),
    "coupons": campaign(
        "exited",
        ZONES,
        priority=15,
        expires_after_s=2,
        budget={"total": 150, "per_day": 140},
        caps=[cap(4, "customer", MINUTE)],
    ),
    "linger": campaign(
        "dwelled",
        ZONES,
        priority=12,
        expires_after_s=2,
        caps=[cap(3, "customer", MINUTE, "delivered"), cap(120, "total", TODAY, "delivered")],
    ),
    "regardless": campaign(
        "entered",
        ZONES,
        priority=1,
        expires_after_s=5,
        caps=[cap(4, "customer", MINUTE)],
        obeys_policy=False,
        counts_towards_policy=False,
    ),
    # Three offers of one campaign, paid from what each site has; one of them brings a code that is made for it.
    "variants": campaign(
        "exited",
        [],
        everywhere=EVERYWHERE,
        priority=18,
        expires_after_s=2,
        offers=[
            _offer("cheap", weight=2, cost=3),
            _offer("dear", weight=2, cost=8),
            _offer("made", weight=1, cost=5, codes={"generated": {"prefix": "MADE-", "length": 12}}),
        ],
        caps=[
            cap(2, "customer", MINUTE, scope="offer"),
            cap(25, "total", THIS_MINUTE, scope="offer"),
            cap(40, "site", MINUTE, "delivered", scope="offer"),
        ],
        budget={"total": 130, "per_day": 120, "of": "cost", "per_site": True},
        tags=["loud", "paid"],
        min_gap_s=3,
    ),
    "paced": campaign(
        "entered",
        ZONES[12:],
        priority=27,
        expires_after_s=2,
        budget={"per_day": 30, "pacing": "even"},
        tags=["loud"],
    ),
    "pooled": campaign(
        "entered",
        [],
        everywhere=["odd"],
        priority=22,
        expires_after_s=2,
        offers=[_offer("token", codes={"pool": POOL})],
        caps=[cap(3, "customer", MINUTE), cap(600, "total", THIS_HOUR), cap(500, "total", TODAY)],
    ),
    "one-of-two": campaign(
        "entered",
        [],
        everywhere=["even"],
        priority=23,
        expires_after_s=2,
        group="two",
        caps=[cap(1, "customer", MINUTE)],
        hold_out=0.1,
    ),
    "other-of-two": campaign(
        "entered",
        [],
        everywhere=["odd"],
        priority=24,
        expires_after_s=2,
        group="two",
        caps=[cap(1, "customer", MINUTE)],
    ),
    "afterwards": campaign(
        "exited",
        [],
        everywhere=EVERYWHERE,
        delay_s=1,
        priority=1,
        expires_after_s=2,
        caps=[cap(2, "customer", MINUTE)],
        tags=["loud"],
    ),
    "still-here": campaign(
        "entered", ZONES, delay_s=1, recheck="still_in_zone", priority=1, expires_after_s=2, min_gap_s=5
    ),
}
POLICY = {
    "time_zone": "Pacific/Auckland",
    "min_gap_s": 1,
    "caps": [
        cap(8, "customer", MINUTE, scope="all"),
        cap(400, "total", THIS_MINUTE, scope="all"),
        cap(3, "customer", MINUTE, scope="tag", tag="loud"),
        cap(120, "total", THIS_MINUTE, scope="tag", tag="loud"),
        cap(2, "customer", MINUTE, scope="channel", channel="inbox"),
        cap(350, "total", THIS_MINUTE, scope="channel", channel="response"),
        cap(
            12,
            "customer",
            {"kind": "calendar", "n": 1, "unit": "week", "week_start": "sun"},
            scope="all",
            tz="organisation",
        ),
        # By clocks that the tables do not tell: it is seen that nothing breaks.
        cap(11, "customer", TODAY, scope="all", tz="customer"),
    ],
    "hold_out": 0.02,
}
