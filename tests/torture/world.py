"""The world that is tortured: a site of twenty zones in a grid, an annex of four north of it, and keys.

Zones are squares of 20 m with 10 m between them, so that a fix of 3 m in the middle of one is unmistakable. In the
even ones an exit is believed at once, so that moments come thick.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2
    import psycopg

SITE = "mall"
COLUMNS, ROWS = 5, 4
ZONES = [f"z{number:02d}" for number in range(COLUMNS * ROWS)]
# One row more of the grid, with another owner.
ANNEX = "annex"
PLACES = len(ZONES) + COLUMNS - 1
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


def make_site(http: httpx2.Client, keys: Keys) -> None:
    put(http, keys, f"/v1/sites/{SITE}", {"name": "Mall", "time_zone": "Europe/Amsterdam"})
    for number, zone in enumerate(ZONES):
        put(http, keys, f"/v1/sites/{SITE}/zones/{zone}", zone_body(number))


def make_annex(http: httpx2.Client, keys: Keys) -> None:
    # Its hours begin at a quarter to, and its days when it is evening at the other site.
    put(http, keys, f"/v1/sites/{ANNEX}", {"name": "Annex", "time_zone": "Asia/Kathmandu"})
    for number in range(len(ZONES), PLACES):
        put(http, keys, f"/v1/sites/{ANNEX}/zones/z{number}", zone_body(number))


def put(http: httpx2.Client, keys: Keys, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return _send(http, keys, "PUT", path, body)


def post(http: httpx2.Client, keys: Keys, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return _send(http, keys, "POST", path, body)


def _send(http: httpx2.Client, keys: Keys, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = http.request(method, path, json=body, headers={"Authorization": f"Bearer {keys.secret}"})
    if not response.is_success:
        raise RuntimeError(f"{method} {path}: {response.status_code} {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer


def cap(
    limit: int, subject: str, window: dict[str, Any], counts: str = "decided", **other: Any
) -> dict[str, Any]:
    return {
        "scope": "campaign",
        "subject": subject,
        "limit": limit,
        "counts": counts,
        "window": window,
        "tz": "site",
        **other,
    }


LIFETIME = {"kind": "lifetime"}
MINUTE = {"kind": "rolling", "n": 1, "unit": "minute"}
THIS_MINUTE = {"kind": "calendar", "n": 1, "unit": "minute"}
THIS_HOUR = {"kind": "calendar", "n": 1, "unit": "hour"}
TODAY = {"kind": "calendar", "n": 1, "unit": "day"}


def campaign(
    move: str,
    zones: list[str],
    *,
    priority: int,
    expires_after_s: int,
    everywhere: Sequence[str] = (),
    delay_s: int | None = None,
    recheck: str | None = None,
    **other: Any,
) -> dict[str, Any]:
    """`everywhere`: also in the zones, of whatever site, that carry one of these tags."""
    trigger: dict[str, Any] = {"move": move, "zones": [{"site": SITE, "zone": zone} for zone in zones]}
    trigger |= {"tags": list(everywhere), "delay_s": delay_s, "recheck": recheck}
    if move == "dwelled":
        trigger["dwell_s"] = 1
    return {
        "name": f"{move} {', '.join([*zones[:1], *everywhere])}",
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
