"""Which of the languages of an offer a customer is told: BCP 47 tags by the lookup of RFC 4647, section 3.4. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

TAG_PATTERN = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
_TAG = re.compile(TAG_PATTERN)


def wanted(attribute: object, locale: str | None) -> str | None:
    """What the customer asked for; where nothing was asked, what the phone is set to.

    Not one after the other: who reads the language of an offer's main text must not be told another, only
    because the phone would rather have it.
    """
    if isinstance(attribute, str) and attribute:
        return attribute
    return locale


def lookup(asked: str | None, offered: Collection[str]) -> str | None:
    """The tag among `offered`, all lower case, that fits best; None if none does.

    "de-CH-1996": de-ch-1996, de-ch, de. "zh-Hant-x-private": ..., zh-hant, zh. Phones also write "de_CH.UTF-8".
    """
    if asked is None or not offered:
        return None
    tag = asked.partition(".")[0].partition("@")[0].replace("_", "-")
    if not _TAG.match(tag):
        return None
    parts = tag.lower().split("-")
    while parts:
        if (found := "-".join(parts)) in offered:
            return found
        parts.pop()
        if (
            parts and len(parts[-1]) == 1
        ):  # "x" and its like begin something, and stand for nothing themselves
            parts.pop()
    return None
