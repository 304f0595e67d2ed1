"""Identity tokens: the brand's backend vouches for who is logged in, without a secret key in the app.

A token is a JWT (RFC 7519) with `sub` (the customer's id), `exp` and `installation`: stolen from one phone
it is no use on another. The key decides the algorithm, never the token: one that says `none`, or HS256 where
the key is an RSA public key, is not believed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jwt

from beacon_service.customers.records import is_id
from beacon_service.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from beacon_service.settings import IdentityKey

# The clocks of two servers differ by less.
LEEWAY_S = 30


def subject(token: str, keys: Sequence[IdentityKey], *, installation_id: str, now: datetime) -> str:
    """The customer's id that the token vouches for. Raises Forbidden with what is wrong with it."""
    if not keys:
        raise Forbidden("No identity keys are configured here (BEACON_IDENTITY_KEYS); use a secret key.")
    claims = _claims(token, keys)
    if claims["exp"] + LEEWAY_S < now.timestamp():
        raise Forbidden("The identity token has expired.", code="identity_token_invalid")
    if claims.get("nbf", 0) - LEEWAY_S > now.timestamp():
        raise Forbidden("The identity token is not valid yet.", code="identity_token_invalid")
    if claims["installation"] != installation_id:
        raise Forbidden("The identity token is for another installation.", code="identity_token_invalid")
    if not is_id(claims["sub"]):
        raise Forbidden(
            "The sub of the identity token is not a customer's id.", code="identity_token_invalid"
        )
    return str(claims["sub"])


def _claims(token: str, keys: Sequence[IdentityKey]) -> dict[str, Any]:
    """What the token says, if one of the keys signed it. Times are the caller's, whose clock is a port."""
    options = {"require": ["exp", "sub", "installation"], "verify_exp": False, "verify_nbf": False}
    options |= {"verify_iat": False, "verify_aud": False}
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key.get_secret_value(),
                algorithms=[key.alg],
                options=options,  # type: ignore[arg-type]
            )
        except jwt.InvalidTokenError:
            continue
        if _is_number(claims["exp"]) and _is_number(claims.get("nbf", 0)):
            return claims
    raise Forbidden(
        "None of the configured keys signed this identity token, or it lacks exp, sub or installation.",
        code="identity_token_invalid",
    )


def _is_number(value: object) -> bool:
    """Python's JSON takes NaN, which is never in the past."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
