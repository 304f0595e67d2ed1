"""Configuration documents as the log keeps them: say what a test is about, the rest has a plain value."""

from beacon_service.campaigns.programme import Programme
from beacon_service.configuration.model import Documents
from beacon_service.zones.catalogue import Places

IBEACON_UUID = "7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21"
# One ten-thousandth of a degree: 11.1 m north; east 6.8 m at the latitude of `site`.
STEP = 1e-4
WEST, SOUTH = 4.9, 52.37


def square(column=0.0, row=0.0, *, columns=1.0, rows=1.0):
    """A rectangle as GeoJSON, on a grid of steps from the shop's south-western corner."""
    west, east = WEST + column * STEP, WEST + (column + columns) * STEP
    south, north = SOUTH + row * STEP, SOUTH + (row + rows) * STEP
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def place(column, row):
    """(longitude, latitude) of a point on the same grid."""
    return WEST + column * STEP, SOUTH + row * STEP


def site_document(id_="shop", *, name="Shop", time_zone="Europe/Amsterdam"):
    return {"id": id_, "name": name, "time_zone": time_zone}


def floor_document(id_="ground", *, site="shop", name="Ground floor", level=0, outline=None):
    return {"site": site, "id": id_, "name": name, "level": level, "outline": outline}


def zone_document(id_="cafe", *, site="shop", floor=None, geometry=None, **fields):
    plain = {"name": id_, "tags": [], "priority": 0, "sensitive": False, "dwell_s": [], "enter_confirm": None}
    document = {
        "site": site,
        "id": id_,
        "floor": floor,
        "geometry": geometry or square(),
        "exit_hold_s": None,
    }
    return document | plain | fields


def beacon_document(id_="b1", *, site="shop", floor=None, at=(0.5, 0.5), identities=None, **fields):
    longitude, latitude = place(*at)
    plain = {"tx_power_dbm": None, "status": "active"}
    known_as = identities if identities is not None else [f"ibeacon:{IBEACON_UUID}:1:{len(id_)}"]
    document = {"id": id_, "site": site, "floor": floor, "longitude": longitude, "latitude": latitude}
    return document | {"identities": known_as} | plain | fields


def cap_document(limit=1, *, subject="customer", counts="decided", window=None, scope="campaign", tz="site"):
    window = {"kind": "rolling", "n": 1, "unit": "day"} | (window or {})
    return {"scope": scope, "subject": subject, "limit": limit, "counts": counts, "window": window, "tz": tz}


def offer_document(id_="coffee", **fields):
    plain = {"title": "Coffee", "body": "A cup is on us.", "image_url": None, "link": None, "code": None}
    return {"id": id_} | plain | {"expires_after_s": 3600} | fields


def trigger_document(*zones, move="entered", tags=(), site=None, dwell_s=None, nth=None, **fields):
    """Zones are written "shop/cafe"."""
    named = [dict(zip(("site", "zone"), zone.split("/"), strict=True)) for zone in zones]
    plain = {"move": move, "zones": named, "tags": list(tags), "site": site, "dwell_s": dwell_s, "nth": nth}
    return plain | fields


def campaign_document(id_="coffee", *, trigger=None, **fields):
    plain = {
        "name": id_,
        "revision": 1,
        "status": "published",
        "priority": 0,
        "starts_at": None,
        "ends_at": None,
        "audience": None,
        "dayparts": [],
        "caps": [],
        "budget": None,
        "hold_out": 0.0,
        "obeys_policy": True,
        "counts_towards_policy": True,
        "offers": [offer_document()],
    }
    return {"id": id_, "trigger": trigger or trigger_document("shop/cafe")} | plain | fields


def product_document(id_="beans", *, name="Beans", tags=(), **priced):
    """`priced`: price and currency, or neither."""
    return {"id": id_, "name": name, "tags": list(tags), **priced}


def stock_document(product="beans", quantity=3, *, site="shop", at="2026-06-03T12:00:00+00:00"):
    return {"site": site, "product": product, "quantity": quantity, "at": at}


def policy_document(*caps, hold_out=0.0):
    return {"caps": [cap | {"scope": "all"} for cap in caps], "hold_out": hold_out}


def documents(
    *,
    sites=None,
    floors=(),
    zones=(),
    beacons=(),
    campaigns=(),
    policy=None,
    audiences=(),
    products=(),
    stock=(),
    deleted=(),
    version=1,
):
    """All of them as one edit; `deleted` names documents as ("zone", "shop/cafe")."""
    sites = [site_document()] if sites is None else sites
    bodies = {("site", site["id"]): site for site in sites}
    bodies |= {("floor", f"{floor['site']}/{floor['id']}"): floor for floor in floors}
    bodies |= {("zone", f"{zone['site']}/{zone['id']}"): zone for zone in zones}
    bodies |= {("beacon", beacon["id"]): beacon for beacon in beacons}
    bodies |= {("campaign", campaign["id"]): campaign for campaign in campaigns}
    bodies |= {("policy", "policy"): policy} if policy is not None else {}
    bodies |= {("audience", audience["id"]): audience for audience in audiences}
    bodies |= {("product", product["id"]): product for product in products}
    bodies |= {("stock", f"{level['site']}/{level['product']}"): level for level in stock}
    return Documents(version=version, bodies=bodies | dict.fromkeys(deleted))


def places(**kinds):
    return Places().updated(documents(**kinds))


def programme(*campaigns, policy=None):
    return Programme().updated(documents(campaigns=campaigns, policy=policy))
