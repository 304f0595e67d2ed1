"""Routes: who changed what of the configuration, when."""

from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from beacon_service.auth import requires
from beacon_service.configuration import shelf
from beacon_service.configuration.changes import changes_between
from beacon_service.configuration.model import Kind, LoggedEdit
from beacon_service.configuration.schema import flawed
from beacon_service.db import db
from beacon_service.errors import BadRequest
from beacon_service.web import PageQuery, page

blueprint = APIBlueprint("audit", __name__, url_prefix="/v1", tag="Configuration")

# What is farther from now overflows on another clock, and nothing was edited then.
Instant = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC)),
]


def _storable(text: str) -> str:
    if "\0" in text:
        raise flawed("text", "holds the character U+0000, which cannot be stored", "Leave it out.")
    return text


Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]


class AuditQuery(PageQuery):
    model_config = ConfigDict(extra="forbid")

    kind: Kind | None = None
    key: Text | None = Field(
        default=None, description="A document's id, with its site's before it: shop/cafe."
    )
    actor: Text | None = None
    since: Instant | None = None
    until: Instant | None = None


class ChangeOut(BaseModel):
    path: str
    before: Any = None
    after: Any = None


class AuditEntryOut(BaseModel):
    version: int
    at: datetime
    actor: str
    kind: str
    key: str
    action: str = Field(description="created, changed or deleted")
    changes: list[ChangeOut] = Field(
        description="Of a document that was changed: each field, before and after."
    )


class AuditPage(BaseModel):
    items: list[AuditEntryOut]
    next_cursor: str | None


@blueprint.get("/audit")
@blueprint.input(AuditQuery, location="query", arg_name="query")
@blueprint.output(AuditPage)
@blueprint.doc(summary="List edits of the configuration, newest first")
@requires("configure")
def list_edits(query: AuditQuery) -> ResponseReturnValue:
    found = shelf.edits(
        db.session(),
        kind=query.kind,
        key=query.key,
        actor=query.actor,
        since=query.since,
        until=query.until,
        before=_place(query.after()),
        limit=query.limit + 1,
    )
    answer = page(found, query.limit, key=lambda one: f"{one.version}/{one.kind}/{one.key}")
    return {**answer, "items": [_entry(one) for one in answer["items"]]}


def _entry(edit: LoggedEdit) -> dict[str, Any]:
    action = "deleted" if edit.after is None else "changed" if edit.before is not None else "created"
    changes = changes_between(dict(edit.before), dict(edit.after)) if edit.before and edit.after else ()
    return {
        "version": edit.version,
        "at": edit.at,
        "actor": edit.actor,
        "kind": edit.kind,
        "key": edit.key,
        "action": action,
        "changes": [change._asdict() for change in changes],
    }


def _place(after: str | None) -> tuple[int, str, str] | None:
    if after is None:
        return None
    version, _, rest = after.partition("/")
    kind, _, key = rest.partition("/")
    if not version.isdecimal() or len(version) > 18 or not key:
        raise BadRequest("Send the next_cursor of the page before, unchanged.", code="cursor_invalid")
    return int(version), kind, key
