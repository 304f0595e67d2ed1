"""Draws the Harbour Store's GeoJSON files from a plan in metres: `python demo/draw.py`.

A plan in metres can be read and changed by a person; polygons in degrees cannot. The drawn files are what
the demo imports and what any map program opens, so both are kept, and a test holds them together.
"""  # noqa: INP001 - a script beside its files, not a package

import json
from pathlib import Path
from typing import Any

from beacon_service.geo import degrees

HERE = Path(__file__).parent
SOUTH_WEST = (4.91320, 52.37690)  # a quay in Amsterdam with room for a shop
BEACON_UUID = "7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21"
TX_POWER_DBM = -59  # at 1 m: what most iBeacons ship with

# each floor by its id, with its name and its level
FLOORS = {"ground": ("Ground floor", 0), "first": ("First floor", 1)}
OUTLINE = (0, 0, 80, 50)  # west, south, east, north in metres from the south-west corner
FORECOURT_M = 20  # the geofence reaches this far around the house: where people come from

# zone: (floor or None, name, (west, south, east, north), tags, extra properties)
ZONES: dict[str, tuple[str | None, str, tuple[float, float, float, float], list[str], dict[str, Any]]] = {
    "harbour": (None, "Harbour Store and forecourt", (-20, -20, 100, 70), ["geofence"], {}),
    "ground": ("ground", "Ground floor", OUTLINE, ["floor"], {}),
    "entrance": ("ground", "Entrance", (32, 0, 48, 10), ["entrance"], {"priority": 5}),
    "cafe": ("ground", "Quay Café", (0, 0, 18, 12), ["cafe", "stop"], {}),
    "tills": ("ground", "Tills", (58, 0, 80, 10), ["tills"], {"priority": 5}),
    "escalator-up": ("ground", "Escalator", (49, 0, 57, 10), ["stairs"], {}),
    "bakery": ("ground", "Bakery", (0, 14, 18, 28), ["department", "food", "stop"], {}),
    "pharmacy": ("ground", "Pharmacy", (0, 30, 18, 50), ["department", "stop"], {"sensitive": True}),
    "grocery": ("ground", "Grocery", (20, 13, 56, 50), ["department", "food"], {}),
    "aisle-coffee": ("ground", "Coffee & tea", (20, 14, 28, 49), ["aisle", "food", "stop"], {}),
    "aisle-pasta": ("ground", "Pasta & sauces", (29, 14, 37, 49), ["aisle", "food", "stop"], {}),
    "aisle-snacks": ("ground", "Snacks & sweets", (38, 14, 46, 49), ["aisle", "food", "stop"], {}),
    "aisle-drinks": ("ground", "Soft drinks", (47, 14, 55, 49), ["aisle", "food", "stop"], {}),
    "wine": ("ground", "Wine", (58, 14, 80, 32), ["department", "wine"], {"dwell_s": [20]}),
    "aisle-red": ("ground", "Red wine", (58, 14, 68.5, 32), ["aisle", "wine", "stop"], {}),
    "aisle-white": ("ground", "White & sparkling", (69.5, 14, 80, 32), ["aisle", "wine", "stop"], {}),
    "household": ("ground", "Household", (58, 35, 80, 50), ["department", "stop"], {}),
    "first": ("first", "First floor", OUTLINE, ["floor"], {}),
    "escalator-down": ("first", "Escalator", (49, 0, 57, 10), ["stairs"], {}),
    "clothing": ("first", "Clothing", (0, 0, 40, 23), ["department", "fashion"], {}),
    "aisle-women": ("first", "Women's clothing", (0, 0, 19, 23), ["aisle", "fashion", "stop"], {}),
    "aisle-men": ("first", "Men's clothing", (21, 0, 40, 23), ["aisle", "fashion", "stop"], {}),
    "toys": ("first", "Toys", (0, 27, 40, 50), ["department", "toys"], {}),
    "aisle-games": ("first", "Games & puzzles", (0, 27, 19, 50), ["aisle", "toys", "stop"], {}),
    "aisle-outdoor": ("first", "Outdoor toys", (21, 27, 40, 50), ["aisle", "toys", "stop"], {}),
    "electronics": ("first", "Electronics", (44, 13, 80, 50), ["department", "electronics"], {}),
    "aisle-phones": ("first", "Phones", (44, 13, 61, 30), ["aisle", "electronics", "stop"], {}),
    "aisle-tv": ("first", "TV & audio", (63, 13, 80, 30), ["aisle", "electronics", "stop"], {}),
    "aisle-kitchen": ("first", "Kitchen appliances", (44, 33, 80, 50), ["aisle", "electronics", "stop"], {}),
}

# zone: (columns, rows) of beacons spread evenly in it, so that one hangs every eight or nine metres
BEACONS = {
    "entrance": (2, 1), "cafe": (2, 1), "tills": (2, 1), "escalator-up": (1, 1), "bakery": (2, 1),
    "pharmacy": (2, 2), "aisle-coffee": (1, 3), "aisle-pasta": (1, 3), "aisle-snacks": (1, 3),
    "aisle-drinks": (1, 3), "aisle-red": (1, 2), "aisle-white": (1, 2), "household": (2, 1),
    "escalator-down": (1, 1), "aisle-women": (2, 2), "aisle-men": (2, 2), "aisle-games": (2, 2),
    "aisle-outdoor": (2, 2), "aisle-phones": (2, 1), "aisle-tv": (2, 1), "aisle-kitchen": (3, 1),
}  # fmt: skip


def place(east_m: float, north_m: float) -> list[float]:
    """Eight decimals of a degree are a millimetre: enough, and the files stay legible."""
    east, north = degrees(east_m, north_m, SOUTH_WEST[1])
    return [round(SOUTH_WEST[0] + east, 8), round(SOUTH_WEST[1] + north, 8)]


def rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"type": "Polygon", "coordinates": [[place(x, y) for x, y in corners]]}


def feature(identifier: str, geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "id": identifier, "geometry": geometry, "properties": properties}


def floors() -> list[dict[str, Any]]:
    return [
        feature(floor, rectangle(*OUTLINE), {"name": name, "level": level})
        for floor, (name, level) in FLOORS.items()
    ]


def zones() -> list[dict[str, Any]]:
    return [
        feature(
            zone,
            rectangle(*box),
            {"name": name, **({"floor": floor} if floor else {}), "tags": tags, **extra},
        )
        for zone, (floor, name, box, tags, extra) in ZONES.items()
    ]


def beacons() -> list[dict[str, Any]]:
    drawn = []
    for zone, (columns, rows) in BEACONS.items():
        floor, _, (west, south, east, north), _, _ = ZONES[zone]
        for row in range(rows):
            for column in range(columns):
                number = len(drawn) + 1
                x = west + (column + 0.5) * (east - west) / columns
                y = south + (row + 0.5) * (north - south) / rows
                drawn.append(beacon(number, str(floor), x, y))
    return drawn


def beacon(number: int, floor: str, east_m: float, north_m: float) -> dict[str, Any]:
    """Every third is a model that also keeps one radio address for life, which Android phones report."""
    major = FLOORS[floor][1] + 1
    identities: list[dict[str, Any]] = [
        {"type": "ibeacon", "uuid": BEACON_UUID, "major": major, "minor": number}
    ]
    if number % 3 == 0:
        identities.append({"type": "mac", "mac": f"ac:23:3f:00:{major:02x}:{number:02x}"})
    properties = {"floor": floor, "identities": identities, "tx_power_dbm": TX_POWER_DBM, "status": "active"}
    return feature(
        f"harbour-b{number:02d}", {"type": "Point", "coordinates": place(east_m, north_m)}, properties
    )


def drawn() -> dict[str, str]:
    """File name -> text, one feature a line, so that a change of the plan is a legible difference."""
    layers = {"floors": floors(), "zones": zones(), "beacons": beacons()}
    return {f"{name}.geojson": text_of(features) for name, features in layers.items()}


def text_of(features: list[dict[str, Any]]) -> str:
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    for file_name, text in drawn().items():
        (HERE / file_name).write_text(text, encoding="utf-8")
        print(f"drew {file_name}")
