"""Route: a decision that is not made."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from uuid import UUID

from apiflask import APIBlueprint
from flask import current_app
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field, model_validator

from beacon_service.auth import requires
from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.schedule_schema import Instant
from beacon_service.campaigns.trigger_schema import LONGEST_DWELL_S
from beacon_service.configuration.schema import Document, Flaw, Id, refuse
from beacon_service.db import db, transaction
from beacon_service.pings.answer import OfferOut
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.dry_run import Rehearsal, rehearse
from beacon_service.positioning.rings import LARGEST_WITHIN_M, SMALLEST_WITHIN_M
from beacon_service.service import now

if TYPE_CHECKING:
    from beacon_service.pings.catalogue import CatalogueCache

blueprint = APIBlueprint("dry_run", __name__, url_prefix="/v1", tag="Decisions")


class DryRunIn(Document):
    """A moment that may never be."""

    customer_id: Id
    site: Id
    zone: Id
    move: Literal["entered", "dwelled", "exited", "approached"] = "entered"
    dwell_s: Annotated[int, Field(ge=1, le=LONGEST_DWELL_S)] | None = None
    within_m: Annotated[int, Field(ge=SMALLEST_WITHIN_M, le=LARGEST_WITHIN_M)] | None = Field(
        default=None, description="Of approached: as the campaigns say that are asked about."
    )
    visit: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="The how-manieth visit to the zone, or approach. Left out: as it would be."
    )
    at: Instant | None = Field(default=None, description="When. Left out: now.")
    attributes: dict[str, Any] | None = Field(default=None, description="Instead of the customer's own.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        if (self.move == "dwelled") != (self.dwell_s is not None):
            found.append(Flaw(("dwell_s",), "belongs to dwelled", "Send both, or neither."))
        if (self.move == "approached") != (self.within_m is not None):
            found.append(Flaw(("within_m",), "belongs to approached", "Send both, or neither."))
        refuse("moment", found)
        return self


class CountOut(BaseModel):
    campaign: str
    cap: str
    used: int
    limit: int


class DryRunOut(BaseModel):
    campaign: str | None = Field(description="Which would win; null: none.")
    revision: int | None
    offer: dict[str, Any] | None = Field(description="Without a code: none is taken.")
    channel: str | None
    reasons: dict[str, str] = Field(description="Why each of the others would lose.")
    counts: list[CountOut]
    draws: dict[str, Any]
    scores: dict[str, float]
    catalogue_version: int
    moment_key: UUID


@blueprint.post("/decisions:dryRun")
@blueprint.input(DryRunIn, arg_name="body")
@blueprint.output(DryRunOut)
@blueprint.doc(
    summary="What would be decided at a moment",
    description="The engine is asked as if the customer's newest phone had made the move; nothing is written, counted "
    "or sent. What is delayed is asked as if its time had come.",
)
@requires("read")
def dry_run(body: DryRunIn) -> ResponseReturnValue:
    cache: CatalogueCache = current_app.extensions[CATALOGUE]
    catalogue = cache.newest(db.engine)
    at = body.at or now()
    about = body.model_dump(exclude={"at"})
    with transaction(db.engine) as connection:
        decision = rehearse(connection, catalogue, Rehearsal(**about), at)
        connection.rollback()
    return _told(decision, catalogue.version)


def _told(decision: Decision, version: int) -> dict[str, Any]:
    offer = None if decision.offer is None else OfferOut.of(decision.offer)
    return {
        "campaign": decision.campaign,
        "revision": decision.revision,
        "offer": offer and {name: getattr(offer, name) for name in offer.__struct_fields__},
        "channel": decision.channel,
        "reasons": decision.reasons,
        "counts": [
            dict(zip(("campaign", "cap", "used", "limit"), one, strict=True)) for one in decision.counts
        ],
        "draws": {name: {"draw": found, "share": share} for name, (found, share) in decision.draws.items()},
        "scores": decision.scores,
        "catalogue_version": version,
        "moment_key": decision.moment.key,
    }
