"""A customer's code at the till: looked up, and redeemed exactly once however many tills try.

Redeeming records the outcome `redeemed` as any report of it does, so that the ledger, caps and budgets are right.
Whoever redeems holds the customer whose code it is; a code that came back to its pool meanwhile is nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from beacon_service.campaigns import codes_store as store
from beacon_service.campaigns.codes import is_code, is_ours, typed
from beacon_service.delivery import service
from beacon_service.delivery.model import Report
from beacon_service.errors import Conflict, Invalid, NotFound, ServiceUnavailable, fault

if TYPE_CHECKING:
    from datetime import datetime

    from beacon_service.campaigns.codes_store import HeldCode
    from beacon_service.db import Connection

# As for outcomes: a till's clock may run ahead by so much before we disbelieve it.
MOST_AHEAD = timedelta(minutes=2)

State = Literal["given_out", "expired", "redeemed"]


class UnknownCode(NotFound):
    """Nobody has such a code: a mistake in typing, or a guess."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a till asks for. `id` is the till's own, by which it may ask again."""

    code: str
    at: datetime
    by: str
    site: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Redeemed:
    held: HeldCode
    again: bool  # it had been, by this very redemption


def look_up(connection: Connection, code: str) -> HeldCode:
    """Whose it is and what became of it. UnknownCode where nobody has it."""
    exact = code.strip()
    held = store.find(connection, exact) if is_code(exact) else None
    if held is None and is_code(typed(code)) and is_ours(store.secret(connection), typed(code)):
        held = store.find(connection, typed(code))
    if held is None:
        raise UnknownCode("There is no such code, or nobody has it.")
    return held


def state(held: HeldCode, now: datetime) -> State:
    if held.redeemed_at is not None:
        return "redeemed"
    return "expired" if held.expires_at <= now else "given_out"


def redeem(connection: Connection, asked: Redemption, now: datetime) -> Redeemed:
    """Redeem it, or say again that this redemption did. The caller commits.

    Raises UnknownCode; Conflict where it was redeemed or has expired; Invalid where the time or the site cannot be.
    """
    if asked.site is not None and not store.has_site(connection, asked.site):
        raise Invalid(
            "There is no such site.", errors=[fault("/site", f"is {asked.site}", "Send a site's id.")]
        )
    seen = look_up(connection, asked.code)
    service.lock_decisions(connection, {seen.decision_id})
    held = look_up(connection, seen.code)
    if held.decision_id != seen.decision_id:
        raise ServiceUnavailable("The code is changing hands just now.")
    if held.redeemed_at is not None:
        if asked.id is not None and asked.id == held.redemption_id:
            return Redeemed(held, again=True)
        raise _redeemed_before(held)
    _check_time(held, asked.at, now)
    (verdict,) = service.report(connection, [Report(held.decision_id, "redeemed", asked.at)], now)
    if verdict.status == "duplicate":
        raise _redeemed_before(held)
    assert verdict.status == "accepted", "its decision and its time were looked at"
    store.redeem(connection, held.code, at=asked.at, site=asked.site, redemption_id=asked.id, by=asked.by)
    return Redeemed(look_up(connection, held.code), again=False)


def _redeemed_before(held: HeldCode) -> Conflict:
    when = "" if held.redeemed_at is None else f" at {held.redeemed_at.isoformat(timespec='seconds')}"
    where = "" if held.redeemed_site is None else f" in {held.redeemed_site}"
    return Conflict(f"The code was redeemed{when}{where}. It is good for once.", code="code_redeemed")


def _check_time(held: HeldCode, at: datetime, now: datetime) -> None:
    if at > now + MOST_AHEAD:
        what, do = "lies in the future", "Send the time at which it was redeemed."
        raise Invalid("The time cannot be.", errors=[fault("/at", what, do)])
    if at < held.given_at - MOST_AHEAD:
        what = "lies before the code was given out"
        raise Invalid("The time cannot be.", errors=[fault("/at", what, "Send when it was redeemed.")])
    if at >= held.expires_at:
        expired = f"The code was good until {held.expires_at.isoformat(timespec='seconds')}."
        raise Conflict(expired, code="code_expired")
