"""Ids and draws that can be derived again from what was recorded.

A decision made live, in replay and in a backtest must carry the same id and the same draws, so nothing here asks
the operating system for randomness: everything follows from a seed that is stored with its cause.
"""

import hashlib
from datetime import datetime
from uuid import UUID

_VERSION_7 = 7 << 76
_VARIANT_RFC = 2 << 62
_RANDOM_BITS = (1 << 76) - (1 << 64) | (1 << 62) - 1
# 2^53: the integers that a float holds exactly, so that a draw is the same number everywhere.
_DRAW_STEPS = 1 << 53


def digest(*parts: object) -> bytes:
    """16 bytes that follow from the parts and their order alone; `None` and the empty text differ."""
    text = "\x1f".join(["\x00" if part is None else str(part) for part in parts])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def derived_uuid(*parts: object) -> UUID:
    """A stable UUID for the parts, version 8 (RFC 9562): a name, not a time."""
    return UUID(int=int.from_bytes(digest(*parts)) & ~(0xF << 76) & ~(3 << 62) | (8 << 76) | _VARIANT_RFC)


def derived_uuid7(at: datetime, *parts: object) -> UUID:
    """A UUIDv7 (RFC 9562) that sorts by `at` in milliseconds; its random bits follow from the parts."""
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    random_bits = int.from_bytes(digest(*parts)) & _RANDOM_BITS
    return UUID(int=milliseconds << 80 | _VERSION_7 | _VARIANT_RFC | random_bits)


def first_uuid7(at: datetime) -> UUID:
    """Not above any UUIDv7 of that millisecond, and above all of those before it."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def draw(*parts: object) -> float:
    """A number in [0, 1) that follows from the parts: the same person falls on the same side each time."""
    return (int.from_bytes(digest(*parts)[:8]) >> 11) / _DRAW_STEPS
