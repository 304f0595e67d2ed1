"""One way to keep each kind of document: a table for what SQL must know of it, the log for the document.

A shelf's row carries the version of its document's last change, and (kind, key, version) is the log's primary
key, so that the exact body is one lookup away and is kept in one place only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from beacon_service.configuration.model import Body, Edition, Kind, LoggedEdit, Stored
from beacon_service.configuration.orm import CatalogueLogRow as Log
from beacon_service.db import Base

# How many documents of a stream are in memory at a time.
AT_ONCE = 500

Row = type[Base]
Column = InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where documents of one kind stand. `names`: the columns whose texts, joined by "/", make the key."""

    kind: Kind
    row: Row
    names: tuple[Column, ...]
    version: Column
    columns: Callable[[Body], Mapping[str, Any]]  # of a document, but for names and version

    @property
    def key(self) -> ColumnElement[str]:
        first, *others = self.names
        return reduce(lambda key, name: key + "/" + name, others, first.expression)


def find(session: Session, shelf: Shelf, keys: Iterable[str]) -> dict[str, Stored]:
    """The documents of these keys that there are."""
    wanted = [tuple(key.split("/")) for key in keys]
    found = session.execute(_documents(shelf).where(tuple_(*shelf.names).in_(wanted)))
    return {key: Stored(key, version, body) for key, version, body in found}


def page(
    session: Session, shelf: Shelf, *, within: str | None = None, after: str | None, limit: int
) -> list[Stored]:
    """Up to `limit` documents in the order of their ids, behind the id `after`; `within` is a site."""
    *outer, name = shelf.names
    chosen = _documents(shelf).order_by(name.collate("C")).limit(limit)
    for column in outer:
        chosen = chosen.where(column == within)
    if after is not None:
        chosen = chosen.where(name.collate("C") > after)
    return [Stored(key, version, body) for key, version, body in session.execute(chosen)]


def stream(session: Session, shelf: Shelf, *conditions: ColumnElement[bool]) -> Iterator[Stored]:
    """The documents whose rows meet the conditions, by key, all as of one moment and few at a time in memory.

    Keep the session's transaction open until the last has come.
    """
    chosen = _documents(shelf).where(*conditions).order_by(Log.key.collate("C"))
    for key, version, body in session.execute(chosen, execution_options={"yield_per": AT_ONCE}):
        yield Stored(key, version, body)


def save(session: Session, shelf: Shelf, bodies: Mapping[str, Body], version: int) -> None:
    """Make the rows say what the bodies say; the caller has logged them under `version`."""
    rows = [
        _named(shelf, key) | {"version": version} | dict(shelf.columns(body)) for key, body in bodies.items()
    ]
    upsert = insert(shelf.row)
    names = [name.key for name in shelf.names]
    rest = {column: upsert.excluded[column] for column in rows[0] if column not in names}
    session.execute(upsert.on_conflict_do_update(index_elements=names, set_=rest), rows)


def remove(session: Session, shelf: Shelf, key: str) -> None:
    matches = [getattr(shelf.row, name) == value for name, value in _named(shelf, key).items()]
    session.execute(delete(shelf.row).where(*matches))


def history(
    session: Session, kind: Kind, key: str, *, after: int = 0, limit: int | None = None
) -> Sequence[Edition]:
    """What the log says of one document, oldest first, beginning behind the version `after`."""
    chosen = (
        select(Log.version, Log.at, Log.actor, Log.body)
        .where(Log.kind == kind, Log.key == key, Log.version > after)
        .order_by(Log.version)
        .limit(limit)
    )
    return [Edition(*row) for row in session.execute(chosen)]


def edits(  # noqa: PLR0913 - each is a field of the question
    session: Session,
    *,
    kind: Kind | None,
    key: str | None,
    actor: str | None,
    since: datetime | None,
    until: datetime | None,
    before: tuple[int, str, str] | None,
    limit: int,
) -> list[LoggedEdit]:
    """Edits newest first, from before the place (version, kind, key); those of one version by kind and key."""
    earlier = aliased(Log)
    last_body = (
        select(earlier.body)
        .where(earlier.kind == Log.kind, earlier.key == Log.key, earlier.version < Log.version)
        .order_by(earlier.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    asked = [
        Log.kind == kind if kind is not None else None,
        Log.key == key if key is not None else None,
        Log.actor == actor if actor is not None else None,
        Log.at >= since if since is not None else None,
        Log.at < until if until is not None else None,
    ]
    conditions = [condition for condition in asked if condition is not None]
    if before is not None:
        version, *place = before
        behind = tuple_(Log.kind, Log.key) > tuple_(*place)
        conditions.append(or_(Log.version < version, and_(Log.version == version, behind)))
    chosen = (
        select(Log.version, Log.kind, Log.key, Log.at, Log.actor, last_body, Log.body)
        .where(*conditions)
        .order_by(Log.version.desc(), Log.kind, Log.key)
        .limit(limit)
    )
    return [LoggedEdit(*row) for row in session.execute(chosen)]


def holding(session: Session, kind: Kind, part: Body) -> list[str]:
    """The keys of the documents of a kind that contain `part`, as `@>` of jsonb has it, in order."""
    return list(documents_holding(session, kind, part))


def documents_holding(session: Session, kind: Kind, part: Body) -> dict[str, Body]:
    """Those documents themselves, by key and in its order."""
    latest = select(Log.key, Log.body).where(Log.kind == kind).ext(distinct_on(Log.key))
    now = latest.order_by(Log.key, Log.version.desc()).subquery()
    found = {row.key: row.body for row in session.execute(select(now).where(now.c.body.contains(part)))}
    return dict(sorted(found.items()))


def _documents(shelf: Shelf) -> Select[tuple[str, int, Any]]:
    logged = and_(Log.kind == shelf.kind, Log.key == shelf.key, Log.version == shelf.version)
    return select(Log.key, Log.version, Log.body).select_from(shelf.row).join(Log, logged)


def _named(shelf: Shelf, key: str) -> dict[str, str]:
    return dict(zip([name.key for name in shelf.names], key.split("/"), strict=True))
