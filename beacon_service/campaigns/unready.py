"""What speaks against publishing an offer: a text that may be impossible to write, and nothing to say instead. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beacon_service.campaigns.content import PARTS, version_of
from beacon_service.configuration.schema import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beacon_service.configuration.model import Body

_DO = 'Send a fallback {"title", "body"}, or give the value a default: {{ ... | default: "you" }}.'


def text_flaws(offers: Sequence[Body]) -> Iterator[Flaw]:
    """Of a campaign's offers, by their place in it."""
    for number, offer in enumerate(offers):
        if offer.get("fallback") is not None:
            continue
        yield from _of_version(offer, ("offers", number))
        for tag, version in (offer.get("languages") or {}).items():
            if version.get("fallback") is None:
                yield from _of_version(version, ("offers", number, "languages", tag))


def _of_version(texts: Body, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    version = version_of(texts)
    for name in PARTS:
        template = getattr(version, name)
        if template is not None and template.doubts:
            yield Flaw((*path, name), f"may be impossible to write: {template.doubts[0]}", _DO)
