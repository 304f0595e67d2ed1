"""Offer texts with values in them: Liquid, the same wherever and whenever it is rendered.

A template is compiled once, when it is saved and when the catalogue is built, and rendered for the winner alone.
Rendering never raises: where a value is missing, or a template asks too much, it says None, and the offer's fallback
is used. `doubts` says at saving whether that can happen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from liquid.exceptions import LiquidError

from beacon_service.campaigns.bounded_liquid import CODE_MARK, LINK, TEXT
from beacon_service.campaigns.template_reader import Reader, TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liquid import Environment
    from liquid.template import BoundTemplate

Part = Literal["title", "body", "link"]

# What may be written: as much as the schema takes of a text without templates.
LONGEST: Mapping[Part, int] = {"title": 200, "body": 2000, "link": 2048}
# Breaks of lines and tabs aside, what no text shows: C0, C1, and the overrides that turn the reading direction.
_HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BREAK = re.compile(r"\r\n|[\r\u2028\u2029]")
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# The host is the brand's own word: no value may lead elsewhere.
_WRITTEN_HOST = re.compile(r"https://[^\s/?#{}@\\]+[/?#]")

_ENVIRONMENTS: Mapping[Part, Environment] = {"title": TEXT, "body": TEXT, "link": LINK}


@dataclass(frozen=True, slots=True)
class Template:
    """A text of an offer, compiled."""

    source: str
    part: Part
    doubts: tuple[str, ...] = ()  # why rendering may fail; none: it cannot
    place_doubts: tuple[str, ...] = ()  # why it may fail in a moment that is nowhere
    uses_code: bool = False
    uses_products: bool = False
    _compiled: BoundTemplate | None = field(default=None, repr=False, compare=False)

    @property
    def is_plain(self) -> bool:
        return self._compiled is None

    @property
    def bare(self) -> str:
        """What it says without its values."""
        return self.source if self.is_plain else _clean(_MARKUP.sub("", self.source), self.part)

    def render(self, values: Mapping[str, Any]) -> str | None:
        """The text for one customer at one moment; None where it cannot be made."""
        if self._compiled is None:
            return self.source
        try:
            text = _clean(self._compiled.render(values), self.part)
        except Exception:  # noqa: BLE001 - a mistake in one offer, or in the library, must not fail a whole batch
            return None
        return text if self.part != "link" or _is_link(text) else None


# A PUT compiles each text a few times over, to check it and to use it; as many as a large brand has.
@lru_cache(maxsize=4096)
def compile_template(source: str, part: Part) -> Template:
    """Raises TemplateError where it cannot be taken."""
    if "{{" not in source and "{%" not in source:
        return Template(source, part)
    if part == "link" and not _WRITTEN_HOST.match(source):
        raise TemplateError("does not begin with https:// and a host that is written out, up to its slash")
    try:
        compiled = _ENVIRONMENTS[part].from_string(source)
        reader = Reader(_ENVIRONMENTS[part], compiled)
        reader.read(compiled.nodes)
    except LiquidError as error:
        raise TemplateError(_told(error)) from None
    except RecursionError:
        raise TemplateError("nests too deeply") from None
    doubts, place_doubts = (tuple(dict.fromkeys(some)) for some in (reader.doubts, reader.place_doubts))
    return Template(source, part, doubts, place_doubts, reader.uses_code, reader.uses_products, compiled)


def plain(source: str, part: Part) -> Template:
    """The text as it is, braces and all."""
    return Template(source, part)


def _told(error: LiquidError) -> str:
    """In one line: what is wrong, and in which line of the text."""
    what = f"is no template: {error.message}".replace("\n", " ")
    where = error.context()
    return what if where is None else f"{what} (line {where[0]}, column {where[1] + 1})"


def _clean(text: str, part: Part) -> str:
    text = _HIDDEN.sub("", _BREAK.sub("\n", text).replace("\t", " "))
    if part == "link":
        return text.strip()
    if part == "title":
        text = " ".join(text.split("\n"))
    return text.strip()[: LONGEST[part]]


def _is_link(text: str) -> bool:
    shown = text.replace(CODE_MARK, "-")
    short = len(shown) <= LONGEST["link"]
    return short and shown.isprintable() and " " not in shown and bool(_WRITTEN_HOST.match(shown))
