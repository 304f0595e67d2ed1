"""Route: the regions that a phone watches while its app sleeps. It reads the catalogue that pings are decided by."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from apiflask import APIBlueprint
from flask import Response, current_app
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field

from beacon_service.auth import principal, requires_installation
from beacon_service.customers.service import check_id
from beacon_service.db import db
from beacon_service.errors import NotFound
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.web import etag, not_modified, unchanged
from beacon_service.zones.catalogue import Places
from beacon_service.zones.regions import (
    MOST_REGIONS,
    BeaconRegion,
    Nearby,
    Region,
    SiteRegions,
    nearby,
    survey,
)

if TYPE_CHECKING:
    from beacon_service.pings.catalogue import CatalogueCache

SURVEY = "beacon_region_survey"

blueprint = APIBlueprint("regions", __name__, url_prefix="/v1", tag="Pings")
_encode = msgspec.json.Encoder().encode


class WhereQuery(BaseModel):
    """Two decimals (a kilometre) are exact enough: regions are told for a neighbourhood."""

    model_config = ConfigDict(extra="forbid")

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class BeaconRegionOut(BaseModel):
    kind: Literal["beacon"]
    identifier: str
    uuid: str
    major: int = Field(default=0, description="Left out: of any major.")
    minor: int = Field(default=0, description="Left out: of any minor.")


class CircleRegionOut(BaseModel):
    kind: Literal["circle"]
    identifier: str
    latitude: float
    longitude: float
    radius_m: int


class RegionsOut(BaseModel):
    regions: Annotated[list[BeaconRegionOut | CircleRegionOut], Field(max_length=MOST_REGIONS)]
    next_check_after_m: int = Field(description="So far the phone may go before it asks again.")


class Survey:
    """The regions of all sites, made once for each version of the catalogue."""

    def __init__(self) -> None:
        self._made: tuple[Places, Sequence[SiteRegions]] = (Places(), ())

    def of(self, places: Places) -> Sequence[SiteRegions]:
        if self._made[0] is not places:
            self._made = (places, survey(places))
        return self._made[1]


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    state.app.extensions[SURVEY] = Survey()


@blueprint.get("/installations/<installation_id>/regions")
@blueprint.input(WhereQuery, location="query", arg_name="query")
@blueprint.output(RegionsOut)
@blueprint.doc(
    summary="The regions to monitor from a position, those of the nearest sites first",
    description="At most 20, as many as iOS monitors for an app. Identifiers are stable: what has the same one as "
    "before need not be registered again. The position is not kept. The ETag covers the whole answer.",
    responses={304: "The same as before"},
)
@requires_installation("read")
def get_regions(installation_id: str, query: WhereQuery) -> ResponseReturnValue:
    check_id(installation_id, "installation_id")
    if principal().installation_key is None:
        raise NotFound(f"There is no installation {installation_id}.")
    catalogue: CatalogueCache = current_app.extensions[CATALOGUE]
    surveyed: Survey = current_app.extensions[SURVEY]
    sites = surveyed.of(catalogue.newest(db.engine).places)
    body = _encode(_shown(nearby(sites, query.longitude, query.latitude)))
    version = int.from_bytes(hashlib.blake2b(body, digest_size=8).digest())
    if unchanged(version):
        return not_modified(version)
    return Response(body, content_type="application/json", headers={"ETag": etag(version)})


def _shown(found: Nearby) -> dict[str, Any]:
    return {
        "regions": [_region(one) for one in found.regions],
        "next_check_after_m": found.next_check_after_m,
    }


def _region(region: Region) -> dict[str, Any]:
    if not isinstance(region, BeaconRegion):
        return {
            "kind": "circle",
            "identifier": region.identifier,
            "latitude": region.latitude,
            "longitude": region.longitude,
            "radius_m": region.radius_m,
        }
    shown: dict[str, Any] = {"kind": "beacon", "identifier": region.identifier, "uuid": region.uuid}
    numbers = {"major": region.major, "minor": region.minor}
    return shown | {name: number for name, number in numbers.items() if number is not None}
