"""What speaks against publishing an offer: a text that may be impossible to write, and nothing to say instead. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beacon_service.campaigns.content import PARTS, version_of
from beacon_service.configuration.schema import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beacon_service.configuration.model import Body

_DO = 'Send a fallback {"title", "body"}, or give the value a default: {{ ... | default: "you" }}.'


def text_flaws(offers: Sequence[Body], *, placeless: bool = False) -> Iterator[Flaw]:
    """Of a campaign's offers, by their place in it. `placeless`: its moments may be nowhere, after an event."""
    for number, offer in enumerate(offers):
        if offer.get("fallback") is not None:
            continue
        yield from _of_version(offer, ("offers", number), placeless=placeless)
        for tag, version in (offer.get("languages") or {}).items():
            if version.get("fallback") is None:
                path = ("offers", number, "languages", tag)
                yield from _of_version(version, path, placeless=placeless)


def _of_version(texts: Body, path: tuple[str | int, ...], *, placeless: bool) -> Iterator[Flaw]:
    version = version_of(texts)
    for name in PARTS:
        template = getattr(version, name)
        if template is None:
            continue
        doubts = (*template.doubts, *(template.place_doubts if placeless else ()))
        if doubts:
            yield Flaw((*path, name), f"may be impossible to write: {doubts[0]}", _DO)
