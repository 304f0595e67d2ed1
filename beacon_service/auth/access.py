"""Each route says who may call it; one place enforces it, before the body is read.

A route that says nothing does not come to life: `refuse_undeclared` stops the start of the application.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from flask import Flask, current_app, g, request

from beacon_service.auth.model import (
    TOKEN_HEADER,
    Principal,
    Scope,
    bearer_hash,
    check_key,
    check_token,
    token_hash,
)
from beacon_service.auth.store import find_key, find_key_and_installation
from beacon_service.db import db

if TYPE_CHECKING:
    from datetime import datetime

    from beacon_service.auth.rates import RateLimits
    from beacon_service.clock import Clock

View = TypeVar("View", bound=Callable[..., Any])

Admits = Literal[
    "public",  # anybody
    "secret",  # a secret key with the scope
    "any_key",  # a publishable key too, and the view looks closer
    "installation",  # a publishable key with the token of the installation in the address, or as "secret"
    "local",  # the machine itself, or as "secret"
    "own",  # whom the view admits, which authenticates within its own transaction
]


@dataclass(frozen=True, slots=True)
class Access:
    """What a route declares."""

    admits: Admits
    scope: Scope | None = None
    registers: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """What enforcement needs of the application."""

    clock: Clock
    rates: RateLimits


def public(view: View) -> View:
    """Anybody may call this, without a key."""
    return _declare(view, Access("public"))


def requires(scope: Scope) -> Callable[[View], View]:
    """A secret key with this scope."""
    return lambda view: _declare(view, Access("secret", scope))


def requires_key(scope: Scope, *, registers: bool = False) -> Callable[[View], View]:
    """A publishable key, or a secret one with the scope; what it may touch, the view itself checks.

    `registers` counts the request against the limit on registrations.
    """
    return lambda view: _declare(view, Access("any_key", scope, registers))


@overload
def requires_installation(declared: View) -> View: ...
@overload
def requires_installation(declared: Scope) -> Callable[[View], View]: ...
def requires_installation(declared: Any) -> Any:
    """The installation `<installation_id>` of the address, by its token, or a secret key with the scope.

    Written bare, the scope of the secret key is `ping`.
    """
    if callable(declared):
        return _declare(declared, Access("installation", "ping"))
    return lambda view: _declare(view, Access("installation", cast("Scope", declared)))


def requires_local(scope: Scope) -> Callable[[View], View]:
    """The machine itself without a key, or from elsewhere a secret key with the scope."""
    return lambda view: _declare(view, Access("local", scope))


def authenticates_itself(view: View) -> View:
    """The view checks the key within its own transaction, with `KEYS_SQL`, `check_key` and `admit`."""
    return _declare(view, Access("own"))


def access_of(app: Flask, endpoint: str) -> Access | None:
    declared: Access | None = getattr(app.view_functions.get(endpoint), "access", None)
    return declared


def undeclared(app: Flask) -> list[str]:
    """The routes that do not say who may call them."""
    return sorted(rule.rule for rule in app.url_map.iter_rules() if not access_of(app, rule.endpoint))


def refuse_undeclared(app: Flask) -> None:
    """RuntimeError where a route was forgotten: better no service than an open one."""
    forgotten = undeclared(app)
    if forgotten:
        message = f"these routes do not declare who may call them: {', '.join(forgotten)}"
        raise RuntimeError(message)


def install(app: Flask, gate: Gate) -> None:
    """Enforce the declarations on every request of `app`."""
    app.extensions["beacon_gate"] = gate

    @app.before_request
    def enforce() -> None:
        access = access_of(app, request.endpoint) if request.endpoint else None
        if access is not None:
            _enforce(access, gate)


def principal() -> Principal:
    """Who this request acts for; on routes that are neither public nor authenticate themselves."""
    return cast("Principal", g.principal)


def admit(who: Principal, *, address: str | None, installation_id: str | None = None) -> None:
    """Count a request of a view that authenticates itself; RateLimited where it is one too many."""
    gate: Gate = current_app.extensions["beacon_gate"]
    gate.rates.admit(
        who,
        gate.clock.now().timestamp(),
        address=address,
        installation_id=installation_id,
    )


def is_local() -> bool:
    """Whether the caller sits on this machine and no proxy stands between, or said whom it stands for."""
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return not forwarded and request.remote_addr is not None and ip_address(request.remote_addr).is_loopback


def _declare(view: View, access: Access) -> View:
    view.access = access  # type: ignore[attr-defined]
    return view


def _enforce(access: Access, gate: Gate) -> None:
    if access.admits == "public" or (access.admits == "local" and is_local()):
        return
    if access.admits == "own":
        return
    key_hash = bearer_hash(request.headers.get("Authorization"))
    named = (request.view_args or {}).get("installation_id")
    now = gate.clock.now()
    if access.admits == "installation":
        who = _authenticate_installation(access, key_hash, str(named), now)
    else:
        who = check_key(find_key(db.session(), key_hash), now, _token_hash())
        if who.is_secret or access.admits != "any_key":
            who.require(cast("Scope", access.scope))
    gate.rates.admit(
        who,
        now.timestamp(),
        address=request.remote_addr,
        installation_id=named,
        registers=access.registers,
    )
    g.principal = who


def _authenticate_installation(
    access: Access, key_hash: bytes, installation_id: str, now: datetime
) -> Principal:
    key_row, (installation_key, kept, revoked_at) = find_key_and_installation(
        db.session(), key_hash, installation_id
    )
    who = check_key(key_row, now, _token_hash())
    if who.is_secret:
        who.require(cast("Scope", access.scope))
    else:
        check_token(who.token_hash, kept, revoked_at=revoked_at)
    return replace(who, installation_key=installation_key)


def _token_hash() -> bytes | None:
    return token_hash(request.headers.get(TOKEN_HEADER))
