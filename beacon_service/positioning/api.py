"""Routes: surveys of a site, the radio maps learned from them, and which of those is in use."""

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from beacon_service.auth import principal, requires
from beacon_service.configuration.edge import deleted, edit, saved, shown
from beacon_service.configuration.schema import check_ids
from beacon_service.db import db, transaction
from beacon_service.errors import BadRequest, NotFound
from beacon_service.positioning import map_store, service, store
from beacon_service.positioning.schema import (
    LARGEST_NUMBER,
    ActiveMapIn,
    ActiveMapOut,
    LearnIn,
    MapAccepted,
    MapOut,
    MapPage,
    SurveyAccepted,
    SurveyIn,
    SurveyPage,
    shown_map,
    shown_survey,
)
from beacon_service.positioning.surveys import Asked, MapKey
from beacon_service.service import now
from beacon_service.web import PageQuery, import_body, page

blueprint = APIBlueprint("positioning", __name__, url_prefix="/v1", tag="Surveys")


@blueprint.get("/sites/<site_id>/surveys")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(SurveyPage)
@blueprint.doc(summary="List a site's surveys, newest first")
@requires("configure")
def list_surveys(site_id: str, query: PageQuery) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    with transaction(db.engine) as connection:
        service.require_site(connection, site_id)
        found = store.surveys(connection, site_id, before=_before(query), limit=query.limit + 1)
    answer = page(found, query.limit, key=lambda one: str(one.number))
    return {**answer, "items": [shown_survey(one) for one in answer["items"]]}


@blueprint.post("/sites/<site_id>/surveys")
@import_body
@blueprint.input(SurveyIn, arg_name="body")
@blueprint.output(SurveyAccepted, status_code=202)
@blueprint.doc(
    summary="Import a survey and learn a radio map from it",
    description="Surveys of a site add up: send a large one in parts. The worker learns; see the radio map.",
)
@requires("configure")
def post_survey(site_id: str, body: SurveyIn) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    survey, by = body.survey(), _asked()
    with transaction(db.engine) as connection:
        number = service.import_survey(connection, site_id, survey, by, body.where)
        key = service.ask_for_map(connection, site_id, activate=body.activate, by=by)
    return {"survey": number, "radio_map": key.number}, 202


@blueprint.delete("/sites/<site_id>/surveys/<int:number>")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Withdraw a survey", description="Maps that were learned from it stay; the next ones are not."
)
@requires("configure")
def delete_survey(site_id: str, number: int) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    with transaction(db.engine) as connection:
        service.withdraw(connection, site_id, _known(number), now())
    return "", 204


@blueprint.get("/sites/<site_id>/radio-maps")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(MapPage)
@blueprint.doc(summary="List a site's radio maps, newest first")
@requires("configure")
def list_maps(site_id: str, query: PageQuery) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    with transaction(db.engine) as connection:
        service.require_site(connection, site_id)
        found = map_store.states(connection, site_id, before=_before(query), limit=query.limit + 1)
        active = map_store.active(connection, site_id)
    at, answer = now(), page(found, query.limit, key=lambda one: str(one.number))
    return {**answer, "items": [shown_map(one, active, at) for one in answer["items"]]}


@blueprint.post("/sites/<site_id>/radio-maps")
@blueprint.input(LearnIn, arg_name="body")
@blueprint.output(MapAccepted, status_code=202)
@blueprint.doc(summary="Learn a radio map anew, from all surveys that are not withdrawn")
@requires("configure")
def post_map(site_id: str, body: LearnIn) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    with transaction(db.engine) as connection:
        key = service.ask_for_map(connection, site_id, activate=body.activate, by=_asked())
    return {"radio_map": key.number}, 202


@blueprint.get("/sites/<site_id>/radio-maps/<int:number>")
@blueprint.output(MapOut)
@blueprint.doc(summary="Read how a radio map is doing")
@requires("configure")
def get_map(site_id: str, number: int) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    with transaction(db.engine) as connection:
        found = map_store.state(connection, MapKey(site_id, _known(number)))
        active = map_store.active(connection, site_id)
    if found is None:
        raise NotFound(f"The site {site_id} has no radio map {number}.")
    return dict(shown_map(found, active, now()))


@blueprint.get("/sites/<site_id>/radio-map")
@blueprint.output(ActiveMapOut)
@blueprint.doc(summary="Read which radio map a site is located by")
@requires("configure")
def get_active_map(site_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    return shown(map_store.ACTIVE, site_id)


@blueprint.put("/sites/<site_id>/radio-map")
@blueprint.input(ActiveMapIn, arg_name="body")
@blueprint.output(ActiveMapOut)
@blueprint.doc(
    summary="Locate a site by this radio map, a new one or an earlier one", responses={201: "Created"}
)
@requires("configure")
def put_active_map(site_id: str, body: ActiveMapIn) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    return saved(service.activate(db.session(), MapKey(site_id, body.number), edit()))


@blueprint.delete("/sites/<site_id>/radio-map")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Locate a site without a radio map, by its beacons' places")
@requires("configure")
def delete_active_map(site_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    service.deactivate(db.session(), site_id, edit())
    return deleted()


def _before(query: PageQuery) -> int | None:
    after = query.after()
    if after is None:
        return None
    if not after.isdecimal() or len(after) > 10:
        raise BadRequest("Send the next_cursor of the page before, unchanged.", code="cursor_invalid")
    return _known(int(after))


def _known(number: int) -> int:
    """What no number can be is just as unknown as what none is."""
    return number if number <= LARGEST_NUMBER else 0


def _asked() -> Asked:
    return Asked(principal().actor, now())
