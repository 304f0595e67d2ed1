"""What every route that edits or shows documents does at its end: commit, and say the version."""

from collections.abc import Callable, Mapping
from typing import Any

from flask.typing import ResponseReturnValue

from beacon_service.auth import principal
from beacon_service.configuration import shelf as shelves
from beacon_service.configuration.model import Body, Edit, Saved, Stored
from beacon_service.configuration.service import require
from beacon_service.configuration.shelf import Shelf
from beacon_service.db import db
from beacon_service.service import now
from beacon_service.web import PageQuery, check_preconditions, etag, not_modified, page, unchanged

Show = Callable[[Body], Mapping[str, Any]]


def edit() -> Edit:
    """By whom, at the service's time, and over which version by the request's headers."""
    return Edit(principal().actor, now(), check_preconditions)


def saved(result: Saved, *, show: Show = dict) -> ResponseReturnValue:
    """Commit a PUT and answer the document as it is now."""
    db.session.commit()
    stored = result.stored
    return dict(show(stored.body)), 201 if result.created else 200, {"ETag": etag(stored.version)}


def imported(found: Mapping[str, Saved]) -> ResponseReturnValue:
    """Commit an import and count what it came to."""
    db.session.commit()
    changed = [one for one in found.values() if one.changed]
    created = sum(one.created for one in changed)
    return {
        "created": created,
        "replaced": len(changed) - created,
        "unchanged": len(found) - len(changed),
        "version": changed[0].stored.version if changed else None,
    }


def deleted() -> ResponseReturnValue:
    db.session.commit()
    return "", 204


def shown(shelf: Shelf, key: str, *, show: Show = dict) -> ResponseReturnValue:
    """One document, or NotFound."""
    return answered(require(db.session(), shelf, key), show=show)


def answered(stored: Stored, *, show: Show = dict) -> ResponseReturnValue:
    """What was read, or 304 to who has it already."""
    if unchanged(stored.version):
        return not_modified(stored.version)
    return dict(show(stored.body)), 200, {"ETag": etag(stored.version)}


def shown_page(
    shelf: Shelf, query: PageQuery, *, within: str | None = None, show: Show = dict
) -> ResponseReturnValue:
    """A page of documents in the order of their ids."""
    found = shelves.page(db.session(), shelf, within=within, after=query.after(), limit=query.limit + 1)
    answer = page(found, query.limit, key=lambda stored: str(stored.body["id"]))
    return {**answer, "items": [dict(show(stored.body)) for stored in answer["items"]]}
