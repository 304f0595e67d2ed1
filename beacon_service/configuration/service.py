"""Editing documents: the same way for every kind, so that versions and preconditions cannot differ."""

from collections.abc import Mapping

from beacon_service.configuration import shelf as shelves
from beacon_service.configuration.model import Body, Edit, Entry, Saved, Stored
from beacon_service.configuration.shelf import Shelf
from beacon_service.configuration.store import Session, record
from beacon_service.errors import NotFound


def put(session: Session, shelf: Shelf, key: str, body: Body, edit: Edit) -> Saved:
    """Create or replace one document; the caller holds the configuration's lock and has checked the body."""
    before = shelves.find(session, shelf, [key]).get(key)
    edit.precondition(before.version if before else None)
    return put_all(session, shelf, {key: body}, edit)[key]


def put_all(session: Session, shelf: Shelf, bodies: Mapping[str, Body], edit: Edit) -> dict[str, Saved]:
    """Create or replace documents in one edit. Those that say the same as before keep their version."""
    before = shelves.find(session, shelf, bodies)
    changed = {key: body for key, body in bodies.items() if key not in before or before[key].body != body}
    version = 0
    if changed:
        entries = [Entry(shelf.kind, key, body) for key, body in changed.items()]
        version = record(session, entries, actor=edit.actor, at=edit.at)
        shelves.save(session, shelf, changed, version)
    return {
        key: Saved(
            stored=Stored(key, version, body) if key in changed else before[key],
            created=key not in before,
            changed=key in changed,
        )
        for key, body in bodies.items()
    }


def delete(session: Session, shelf: Shelf, key: str, edit: Edit) -> None:
    """Delete one document, or NotFound. The caller holds the lock and knows that nothing needs it."""
    edit.precondition(require(session, shelf, key).version)
    record(session, [Entry(shelf.kind, key, None)], actor=edit.actor, at=edit.at)
    shelves.remove(session, shelf, key)


def require(session: Session, shelf: Shelf, key: str) -> Stored:
    """The document, or NotFound in a sentence."""
    found = shelves.find(session, shelf, [key]).get(key)
    if found is None:
        raise NotFound(f"There is no {shelf.kind} {key}.")
    return found


def exists(session: Session, shelf: Shelf, key: str) -> bool:
    return bool(shelves.find(session, shelf, [key]))
