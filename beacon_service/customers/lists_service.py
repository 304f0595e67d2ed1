"""Putting customers on lists and taking them off, thousands at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beacon_service.customers import lists_store as store
from beacon_service.customers.records import Change, reserved
from beacon_service.customers.service import ATTEMPTS, savepoint
from beacon_service.customers.store import MOST_CHANGES, append_changes, lock_customers
from beacon_service.errors import Invalid, ServiceUnavailable, fault

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from beacon_service.db import Connection


@dataclass(frozen=True, slots=True)
class Changed:
    changed: int
    unchanged: int
    created: int = 0  # customers whom nobody had told of before


def put_on(connection: Connection, name: str, ids: Sequence[str], now: datetime) -> Changed:
    """Put the customers on the list; who is not there yet is made, as by a PUT."""
    wanted = set(ids)
    _refuse_strangers(connection, ids)
    created = store.add_customers(connection, {one for one in wanted if not reserved(one)}, now)
    keys = _lock(connection, wanted)
    news = store.put_on(connection, name, keys)
    _log(connection, name, news, now, member=True)
    return Changed(len(news), len(wanted) - len(news), created)


def take_off(connection: Connection, name: str, ids: Sequence[str], now: datetime) -> Changed:
    """Take the customers off the list; who is not there was not on it."""
    keys = _lock(connection, set(ids))
    gone = store.take_off(connection, name, keys)
    _log(connection, name, gone, now, member=False)
    return Changed(len(gone), len(set(ids)) - len(gone))


def _refuse_strangers(connection: Connection, ids: Sequence[str]) -> None:
    """Raise Invalid for ids that only the service gives out, and has not."""
    known = store.find(connection, {one for one in ids if reserved(one)})
    faults = [
        fault(
            f"/customers/{number}", f"is {one}, which the service never gave out", "Send the brand's own id."
        )
        for number, one in enumerate(ids)
        if reserved(one) and one not in known
    ]
    if faults:
        raise Invalid(
            "Ids that begin with anon- or erased- are given out by the service.", errors=faults[:100]
        )


def _lock(connection: Connection, ids: Collection[str]) -> list[int]:
    """The keys of those of the customers that there are, locked in their order."""
    with savepoint(connection) as undo:
        for _ in range(ATTEMPTS):
            seen = store.find(connection, ids)
            locked = lock_customers(connection, seen.values())
            if {one.id: key for key, one in locked.items()} == seen:
                return list(locked)
            undo()
    raise ServiceUnavailable("These customers are changing just now.")


def _log(connection: Connection, name: str, keys: Sequence[int], now: datetime, *, member: bool) -> None:
    said = {"list": name, "member": member}
    changes = [Change(key, "list", said) for key in sorted(keys)]
    for start in range(0, len(changes), MOST_CHANGES):
        append_changes(connection, changes[start : start + MOST_CHANGES], now)
