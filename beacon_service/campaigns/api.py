"""Routes: campaigns, their revisions, and the contact policy."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from beacon_service.auth import requires
from beacon_service.campaigns import service
from beacon_service.campaigns.policy_schema import PolicyIn, PolicyOut
from beacon_service.campaigns.schema import (
    CampaignIn,
    CampaignOut,
    CampaignPage,
    CheckOut,
    CloneIn,
    ComparisonOut,
    ComparisonQuery,
    RevisionPage,
)
from beacon_service.campaigns.store import CAMPAIGNS
from beacon_service.configuration.edge import answered, deleted, edit, saved, shown, shown_page
from beacon_service.configuration.model import Edition
from beacon_service.configuration.schema import check_address, check_ids, pointer
from beacon_service.configuration.service import require
from beacon_service.db import db
from beacon_service.errors import BadRequest, fault
from beacon_service.web import PageQuery, page

blueprint = APIBlueprint("campaigns", __name__, url_prefix="/v1", tag="Campaigns")


@blueprint.get("/campaigns")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(CampaignPage)
@blueprint.doc(summary="List campaigns by id")
@requires("configure")
def list_campaigns(query: PageQuery) -> ResponseReturnValue:
    return shown_page(CAMPAIGNS, query)


@blueprint.get("/campaigns/<campaign_id>")
@blueprint.output(CampaignOut)
@blueprint.doc(summary="Read a campaign")
@requires("configure")
def get_campaign(campaign_id: str) -> ResponseReturnValue:
    check_ids(campaign_id=campaign_id)
    return shown(CAMPAIGNS, campaign_id)


@blueprint.put("/campaigns/<campaign_id>")
@blueprint.input(CampaignIn, arg_name="body")
@blueprint.output(CampaignOut)
@blueprint.doc(
    summary="Create or replace a campaign",
    description="Each change makes a new revision once the campaign has left its draft.",
    responses={201: "Created"},
)
@requires("configure")
def put_campaign(campaign_id: str, body: CampaignIn) -> ResponseReturnValue:
    check_ids(campaign_id=campaign_id)
    check_address({"id": body.id}, id=campaign_id)
    return saved(service.put_campaign(db.session(), campaign_id, body.document(campaign_id), edit()))


@blueprint.delete("/campaigns/<campaign_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a campaign; what it gave stays in the ledger")
@requires("configure")
def delete_campaign(campaign_id: str) -> ResponseReturnValue:
    check_ids(campaign_id=campaign_id)
    service.delete_campaign(db.session(), campaign_id, edit())
    return deleted()


@blueprint.get("/campaigns/<campaign_id>/revisions")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(RevisionPage)
@blueprint.doc(summary="List what a campaign was, oldest first")
@requires("configure")
def list_revisions(campaign_id: str, query: PageQuery) -> ResponseReturnValue:
    check_ids(campaign_id=campaign_id)
    found = service.revisions(db.session(), campaign_id, after=_version(query.after()), limit=query.limit + 1)
    answer = page(found, query.limit, key=lambda edition: str(edition.version))
    return {**answer, "items": [_edition(edition) for edition in answer["items"]]}


@blueprint.get("/policy")
@blueprint.output(PolicyOut)
@blueprint.doc(summary="Read the contact policy")
@requires("configure")
def get_policy() -> ResponseReturnValue:
    return answered(service.policy(db.session()))


@blueprint.put("/policy")
@blueprint.input(PolicyIn, arg_name="body")
@blueprint.output(PolicyOut)
@blueprint.doc(summary="Create or replace the contact policy", responses={201: "Created"})
@requires("configure")
def put_policy(body: PolicyIn) -> ResponseReturnValue:
    return saved(service.put_policy(db.session(), body.document(), edit()))


@blueprint.post("/campaigns/<campaign_id>/check")
@blueprint.output(CheckOut)
@blueprint.doc(
    summary="What would speak against publishing a campaign now",
    description="All of it at once, as a PUT with the status published would be answered; nothing is changed.",
)
@requires("configure")
def check_campaign(campaign_id: str) -> ResponseReturnValue:
    check_ids(campaign_id=campaign_id)
    body = require(db.session(), CAMPAIGNS, campaign_id).body
    flaws = service.publishing_flaws(db.session(), body, edit().at)
    return {"problems": [fault(pointer(flaw.path), flaw.what, flaw.do) for flaw in flaws]}


@blueprint.post("/campaigns/<campaign_id>/clones")
@blueprint.input(CloneIn, arg_name="body")
@blueprint.output(CampaignOut, status_code=201)
@blueprint.doc(summary="Copy a campaign into a new draft")
@requires("configure")
def clone_campaign(campaign_id: str, body: CloneIn) -> ResponseReturnValue:
    check_ids(campaign_id=campaign_id)
    return saved(service.clone(db.session(), campaign_id, body.id, body.name, edit()))


@blueprint.get("/campaigns/<campaign_id>/comparison")
@blueprint.input(ComparisonQuery, location="query", arg_name="query")
@blueprint.output(ComparisonOut)
@blueprint.doc(summary="What changed between two revisions of a campaign")
@requires("configure")
def compare_revisions(campaign_id: str, query: ComparisonQuery) -> ResponseReturnValue:
    check_ids(campaign_id=campaign_id)
    changes = service.compare(db.session(), campaign_id, query.before, query.after)
    return {**query.model_dump(), "changes": [change._asdict() for change in changes]}


def _version(after: str | None) -> int:
    if after is None:
        return 0
    if not after.isdecimal() or len(after) > 18:
        raise BadRequest("Send the next_cursor of the page before, unchanged.", code="cursor_invalid")
    return int(after)


def _edition(edition: Edition) -> dict[str, Any]:
    return {
        "revision": edition.body["revision"] if edition.body else None,
        "version": edition.version,
        "at": edition.at,
        "actor": edition.actor,
        "campaign": edition.body,
    }
