"""Three made-up stores, from a corner shop to three floors of departments, as plans in metres."""

from itertools import product

from simulators.generating.sites.drawing import HEAVY_WALL_DB, LIGHT_WALL_DB, Box, Drawing
from simulators.venue import Venue

FORECOURT_M = 20  # the geofence reaches so far around the house


def small_shop() -> Venue:
    """14 m x 9 m: a door, two shelves to walk around, shelves along the walls, a till beside the door."""
    shop = Drawing("small-shop", "Small shop", (4.8921, 52.3731), "6b0c4f2e-2f55-4e35-8f0c-7a3b52f0c101")
    shop.floor("ground", "Ground floor", 0, (0, 0, 14, 9))
    shop.zone("surroundings", "Small shop and pavement", None, (-20, -20, 34, 29), ["geofence"])
    shop.zone("entrance", "Entrance", "ground", (0, 0, 3, 2.5), ["entrance"])
    shop.zone("till", "Till", "ground", (3, 0, 7, 2.5), ["tills"])
    shop.zone("fresh", "Fresh", "ground", (0, 2.5, 5, 9), ["aisle", "food"])
    shop.zone("drinks", "Drinks", "ground", (5, 2.5, 9.5, 9), ["aisle", "food"])
    shop.zone("household", "Household", "ground", (9.5, 2.5, 14, 9), ["aisle"])
    for west in (4.4, 8.9):
        shop.block("ground", (west, 3.6, west + 1.2, 7.6))
    shop.block("ground", (4, 0, 4.6, 1.2))
    for spot in ((1.5, 1.5), (12, 2), (2.5, 7), (7.5, 5.5), (12, 7)):
        shop.beacon("ground", spot)
    return shop.venue()


SHELVES_WEST_M = tuple(8.0 + 4.2 * number for number in range(9))
SHELF_M = 1.2  # wide; between two of them people pass on three metres


def supermarket() -> Venue:
    """50 m x 32 m: in at the west, ten aisles between shelves, fresh food along the north, tills at the south."""
    shop = Drawing("supermarket", "Supermarket", (4.9012, 52.3655), "6b0c4f2e-2f55-4e35-8f0c-7a3b52f0c102")
    shop.floor("ground", "Ground floor", 0, (0, 0, 50, 32))
    shop.zone("car-park", "Supermarket and car park", None, (-20, -30, 70, 52), ["geofence"])
    shop.zone("entrance", "Entrance", "ground", (0, 0, 6, 5), ["entrance"])
    shop.zone("tills", "Tills", "ground", (10, 0, 42, 5), ["tills"])
    shop.zone("flowers", "Flowers and papers", "ground", (42, 0, 50, 8), ["department"])
    shop.zone("produce", "Fruit and vegetables", "ground", (0, 5, 7.4, 25), ["department", "food"])
    shop.zone("bakery", "Bakery", "ground", (0, 25, 16, 32), ["department", "food"])
    shop.zone("meat", "Meat and fish", "ground", (16, 25, 33, 32), ["department", "food"])
    shop.zone("dairy", "Dairy", "ground", (33, 25, 50, 32), ["department", "food"])
    wares = (
        "Coffee and tea",
        "Breakfast",
        "Pasta and rice",
        "Tins",
        "Sweets",
        "Snacks",
        "Drinks",
        "Wine",
        "Care",
    )
    middles = [west + SHELF_M / 2 for west in SHELVES_WEST_M]
    ends = [*middles[1:], 49.0]
    for number, (name, west, east) in enumerate(zip(wares, middles, ends, strict=True), start=1):
        tags = ["aisle", "wine" if name == "Wine" else "food"]
        shop.zone(f"aisle-{number}", name, "ground", (west, 8, east, 25), tags)
    for west in SHELVES_WEST_M:
        shop.block("ground", (west, 9, west + SHELF_M, 23))
    for number in range(6):
        shop.block("ground", (12 + 5 * number, 1.5, 13 + 5 * number, 4))
    for x, y in product((3, 12.5, 20.5, 29, 37.5, 46), (3.5, 12, 20, 28.5)):
        shop.beacon("ground", (x, y))
    return shop.venue()


HOUSE: Box = (0, 0, 60, 40)
CORE: Box = (27, 18, 33, 22)  # the escalators, in the middle of the house
# floor: its name and, from south-west to north-east, what is sold there
DEPARTMENTS = {
    "ground": ("Ground floor", ("Perfumery", "Jewellery", "Bags", "Stationery", "Food hall", "Gifts")),
    "first": ("First floor", ("Women", "Shoes", "Lingerie", "Girls", "Boys", "Babies")),
    "second": ("Second floor", ("Men", "Sports", "Household", "Electronics", "Toys", "Restaurant")),
}
# Where departments are: three to the south of the middle aisle, three to the north.
PARTS: tuple[Box, ...] = (
    (0, 0, 19, 17),
    (19, 6, 41, 17),
    (41, 0, 60, 17),
    (0, 23, 19, 40),
    (19, 23, 41, 40),
    (41, 23, 60, 40),
)


def department_store() -> Venue:
    """Three floors of 60 m x 40 m, alike: six departments with racks, tills on each floor, escalators in the middle."""
    house = Drawing(
        "department-store", "Department store", (4.8945, 52.3725), "6b0c4f2e-2f55-4e35-8f0c-7a3b52f0c103"
    )
    west, south, east, north = HOUSE
    around = (west - FORECOURT_M, south - FORECOURT_M, east + FORECOURT_M, north + FORECOURT_M)
    house.zone("square", "Department store and square", None, around, ["geofence"])
    for level, (floor, (name, departments)) in enumerate(DEPARTMENTS.items()):
        house.floor(floor, name, level, HOUSE)
        house.zone(f"escalators-{floor}", "Escalators", floor, CORE, ["stairs"])
        house.zone(f"tills-{floor}", "Tills", floor, (41, 17, 60, 23), ["tills"])
        for what, part in zip(departments, PARTS, strict=True):
            _department(house, floor, what, part)
        for wall in (((19, 0), (19, 12)), ((41, 0), (41, 12)), ((19, 28), (19, 40)), ((41, 28), (41, 40))):
            house.wall(floor, *wall, LIGHT_WALL_DB)
        for x, y in product((5, 14, 24, 36, 46, 55), (4, 14, 26, 36)):
            house.beacon(floor, (x, y))
        for x in (5, 18, 42, 55):
            house.beacon(floor, (x, 20))
    house.zone("entrance", "Entrance", "ground", (25, 0, 35, 6), ["entrance"])
    return house.venue()


def _department(house: Drawing, floor: str, name: str, part: Box) -> None:
    """Two rows of racks; the restaurant has walls instead of them."""
    west, south, east, north = part
    identifier = f"{floor}-{name.lower().replace(' ', '-')}"
    tags = ["cafe"] if name == "Restaurant" else ["department", name.lower().replace(" ", "-")]
    house.zone(identifier, name, floor, part, tags)
    if name == "Restaurant":
        house.wall(floor, (west, south), (east - 6, south), HEAVY_WALL_DB)
        return
    for row in (south + (north - south) * 0.3, south + (north - south) * 0.7):
        for column in range(3):
            start = west + 2.5 + column * (east - west - 3) / 3
            house.block(floor, (start, row - 0.5, start + 3.0, row + 0.5))
