"""Moments that wait: kept when they are put off, locked when they are due, ended when they are decided or in vain."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from beacon_service.campaigns.moment import Waiting
from beacon_service.configuration.store import CATALOGUE_LOCK
from beacon_service.db import Connection, Statement, round_trip
from beacon_service.pings import sql
from beacon_service.pings.records import Presented

_waiting = msgspec.json.Decoder(Waiting)


def lock(
    connection: Connection, *, now: datetime, most: int, only: int | None = None
) -> list[tuple[Presented, Waiting]]:
    """What is due, with the phone that it is for; the customers locked, those that others have locked left to them.

    What is due for nobody any more ends here. `only`: that customer's alone.
    """
    params = {"lock": CATALOGUE_LOCK, "now": now, "most": most, "only": only}
    # After the configuration's lock: who waits for that one must hold no row.
    ended = Statement(sql.END_VAIN, {"now": now, "most": most})
    rows, _ = round_trip(connection, [Statement(sql.DUE_WAITING, params), ended])
    return [(Presented(*phone), _waiting.decode(body)) for *phone, body in rows]


def save(waiting: Sequence[Waiting]) -> Statement:
    return Statement(sql.SAVE_WAITING, _arrays(waiting))


def save_undecided(waiting: Sequence[Waiting]) -> Statement:
    """Those that neither wait nor were decided before; answers their keys. The caller holds the customers."""
    return Statement(sql.SAVE_UNDECIDED, _arrays(waiting))


def end(waiting: Sequence[Waiting]) -> Statement:
    return Statement(sql.END_WAITING, {"keys": [one.moment.key for one in waiting]})


def _arrays(waiting: Sequence[Waiting]) -> dict[str, Any]:
    moments = [one.moment for one in waiting]
    return {
        "keys": [moment.key for moment in moments],
        "campaigns": [one.campaign for one in waiting],
        "customers": [moment.customer_key for moment in moments],
        "installations": [moment.installation_key for moment in moments],
        "dues": [one.due_at for one in waiting],
        "bodies": list(waiting),
    }
