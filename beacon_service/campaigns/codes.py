"""Codes that are one customer's alone: from a pool that the brand imported, or made here when they are given out.

The shell takes them, under the locks, once it is settled who wins; what is told is the same text with the code in it.
A pool is a shared count: `used` of its tally are given out, and its ceiling is how many codes it has.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from beacon_service.campaigns.ledger import Charge, TallyKey
from beacon_service.campaigns.writing import with_code

if TYPE_CHECKING:
    from uuid import UUID

    from beacon_service.campaigns.decision import Decision
    from beacon_service.campaigns.model import Campaign, Offer, Recipe

POOL = "codes:"

# Nothing that would have to be escaped in an address, and nothing that a till cannot type.
CODE_PATTERN = r"^[A-Za-z0-9._-]{4,64}$"
_CODE = re.compile(CODE_PATTERN.removesuffix("$"))
# Crockford's base 32: no I, L, O and U, which are misread or make words.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Of a made code the last ones prove that it was made here: one guess in 32 768 gets as far as the database.
PROOF = 3
# With eight before the proof one in a million million guesses is right, however many codes are out.
SHORTEST = 8


def pool_key(pool: str) -> TallyKey:
    return TallyKey(f"{POOL}{pool}")


def is_pool(key: str) -> bool:
    return key.startswith(POOL)


def code_charges(campaign: Campaign, offer: Offer) -> tuple[Charge, ...]:
    """What is claimed of the offer's pool. An undelivered code comes back; how many there are the tally knows."""
    if offer.pool is None:
        return ()
    return (Charge(key=pool_key(offer.pool), limit=0, counts="delivered", campaign=campaign.id),)


def is_code(text: str) -> bool:
    return bool(_CODE.fullmatch(text))


def typed(text: str) -> str:
    """A made code as a person types it: "sum-7f3k " is SUM-7F3K."""
    return text.strip().upper()


def made(secret: bytes, recipe: Recipe, decision_id: UUID, attempt: int) -> str:
    """The decision's code. Not to be guessed without the secret, and the same for whoever knows it.

    `attempt` rises where that code is another decision's already.
    """
    drawn = _symbols(secret, f"code:{decision_id}:{attempt}", recipe.length - PROOF)
    return f"{recipe.prefix}{drawn}{_proof(secret, recipe.prefix + drawn)}"


def is_ours(secret: bytes, code: str) -> bool:
    """Whether it may have been made here; says nothing of codes of pools."""
    return len(code) > PROOF and hmac.compare_digest(_proof(secret, code[:-PROOF]), code[-PROOF:])


def coded(decision: Decision, code: str) -> Decision:
    """The decision as it is told: with the code that it was given."""
    assert decision.offer is not None, "a code belongs to an offer"
    return replace(decision, offer=with_code(decision.offer, code))


def _proof(secret: bytes, text: str) -> str:
    return _symbols(secret, f"proof:{text}", PROOF)


def _symbols(secret: bytes, text: str, length: int) -> str:
    number = int.from_bytes(hmac.digest(secret, text.encode(), hashlib.sha512))
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(length))
