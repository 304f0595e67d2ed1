"""GeoJSON collections of a site's zones or beacons, such as an import reads: what is exported comes in unchanged."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from beacon_service.configuration.model import Body
from beacon_service.configuration.service import require
from beacon_service.configuration.store import Session
from beacon_service.zones import store
from beacon_service.zones.beacon_schema import shown_beacon

MEDIA_TYPE = "application/geo+json"


class CollectionOut(BaseModel):
    """A GeoJSON FeatureCollection, as an import takes it."""

    type: Literal["FeatureCollection"]
    features: list[dict[str, Any]] = Field(description="A feature's properties are the fields of a PUT.")


def export_zones(session: Session, site: str) -> Iterator[bytes]:
    """The collection in pieces, or NotFound; the session's transaction must live as long."""
    require(session, store.SITES, site)
    return _collection(_zone(body) for body in store.zones_of(session, site))


def export_beacons(session: Session, site: str) -> Iterator[bytes]:
    """The collection in pieces, or NotFound; the session's transaction must live as long."""
    require(session, store.SITES, site)
    return _collection(_beacon(body) for body in store.beacons_of(session, site))


def _zone(body: Body) -> dict[str, Any]:
    return _feature(body, body["geometry"], {"geometry"})


def _beacon(body: Body) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [body["longitude"], body["latitude"]]}
    return _feature(shown_beacon(body), point, {"longitude", "latitude"})


def _feature(body: Body, geometry: Body, drawn: set[str]) -> dict[str, Any]:
    """Without its site, so that the file may be imported into another one."""
    elsewhere = drawn | {"id", "site"}
    properties = {name: value for name, value in body.items() if name not in elsewhere and value is not None}
    return {"type": "Feature", "id": body["id"], "geometry": geometry, "properties": properties}


def _collection(features: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A feature a line: what changed between two exports is seen at a glance."""
    yield b'{"type":"FeatureCollection","features":['
    comma = b"\n"
    for feature in features:
        yield comma + msgspec.json.encode(feature)
        comma = b",\n"
    yield b"\n]}\n"
