"""The world that is tortured: a site of twenty zones in a grid, campaigns with every sort of bound, and phones.

Zones are squares of 20 m with 10 m between them, so that a fix of 3 m in the middle of one is unmistakable. In the
even ones an exit is believed at once, so that moments come thick; offers expire within seconds, so that
reservations are given back while the traffic runs.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2
    import psycopg

SITE = "mall"
COLUMNS, ROWS = 5, 4
ZONES = [f"z{number:02d}" for number in range(COLUMNS * ROWS)]
WEST, SOUTH = 4.9, 52.37
# At this latitude: a degree north is 111.2 km, a degree east 67.9 km.
METRE_EAST, METRE_NORTH = 1 / 67_900, 1 / 111_200
SPACING_M, SIDE_M = 30.0, 20.0


@dataclass(frozen=True, slots=True)
class Keys:
    publishable: str
    secret: str


def make_keys(connection: psycopg.Connection[Any]) -> Keys:
    made = Keys(f"pk_{secrets.token_urlsafe(32)}", f"sk_{secrets.token_urlsafe(32)}")
    scopes = ["configure", "customers", "ping", "read", "outcomes"]
    for kind, key, granted in (("publishable", made.publishable, []), ("secret", made.secret, scopes)):
        connection.execute(
            "INSERT INTO api_keys (id, kind, name, key_hash, scopes, created_at) VALUES (%s, %s, %s, %s, %s, %s)",
            [
                secrets.token_hex(8),
                kind,
                "torture",
                hashlib.sha256(key.encode()).digest(),
                granted,
                datetime.now(UTC),
            ],
        )
    return made


def middle_of(number: int) -> tuple[float, float]:
    """Longitude and latitude of a zone's middle."""
    row, column = divmod(number, COLUMNS)
    return (
        WEST + (column * SPACING_M + SIDE_M / 2) * METRE_EAST,
        SOUTH + (row * SPACING_M + SIDE_M / 2) * METRE_NORTH,
    )


def zone_body(number: int) -> dict[str, Any]:
    longitude, latitude = middle_of(number)
    east, north = SIDE_M / 2 * METRE_EAST, SIDE_M / 2 * METRE_NORTH
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    ring = [[round(longitude + x * east, 7), round(latitude + y * north, 7)] for x, y in corners]
    return {
        "name": f"Zone {number}",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "tags": ["even" if number % 2 == 0 else "odd"],
        "exit_hold_s": 0 if number % 2 == 0 else 1,
    }


def configure(http: httpx2.Client, keys: Keys) -> None:
    """Everything over HTTP, as a marketer's tool would; raises on the first refusal."""
    make_site(http, keys)
    put(http, keys, "/v1/policy", POLICY)
    for campaign, body in CAMPAIGNS.items():
        put(http, keys, f"/v1/campaigns/{campaign}", body)


def make_site(http: httpx2.Client, keys: Keys) -> None:
    put(http, keys, f"/v1/sites/{SITE}", {"name": "Mall", "time_zone": "Europe/Amsterdam"})
    for number, zone in enumerate(ZONES):
        put(http, keys, f"/v1/sites/{SITE}/zones/{zone}", zone_body(number))


def put(http: httpx2.Client, keys: Keys, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = http.put(path, json=body, headers={"Authorization": f"Bearer {keys.secret}"})
    if not response.is_success:
        raise RuntimeError(f"PUT {path}: {response.status_code} {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer


def cap(limit: int, subject: str, window: dict[str, Any], counts: str = "decided") -> dict[str, Any]:
    return {
        "scope": "campaign",
        "subject": subject,
        "limit": limit,
        "counts": counts,
        "window": window,
        "tz": "site",
    }


LIFETIME = {"kind": "lifetime"}
MINUTE = {"kind": "rolling", "n": 1, "unit": "minute"}
THIS_MINUTE = {"kind": "calendar", "n": 1, "unit": "minute"}
TODAY = {"kind": "calendar", "n": 1, "unit": "day"}


def campaign(
    move: str, zones: list[str], *, priority: int, expires_after_s: int, **other: Any
) -> dict[str, Any]:
    trigger: dict[str, Any] = {"move": move, "zones": [{"site": SITE, "zone": zone} for zone in zones]}
    if move == "dwelled":
        trigger["dwell_s"] = 1
    return {
        "name": f"{move} {zones[0]}",
        "status": "published",
        "priority": priority,
        "trigger": trigger,
        "dayparts": [],
        "caps": [],
        "budget": None,
        "hold_out": 0,
        "obeys_policy": True,
        "counts_towards_policy": True,
        "offers": [
            {"id": "offer", "title": "An offer", "body": "For you.", "expires_after_s": expires_after_s}
        ],
        **other,
    }


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
}
POLICY = {
    "caps": [
        {**cap(8, "customer", MINUTE), "scope": "all"},
        {**cap(400, "total", THIS_MINUTE), "scope": "all"},
    ],
    "hold_out": 0.02,
}
