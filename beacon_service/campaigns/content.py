"""What an offer says, in each of its languages, compiled; and written for one customer at one moment. Pure.

A text that cannot be made for somebody (a value is missing) is no reason to say half of it: then all of the offer is
its fallback, in the same language if that has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from beacon_service.campaigns.bounded_liquid import CODE_MARK
from beacon_service.campaigns.languages import lookup
from beacon_service.campaigns.template_reader import TemplateError
from beacon_service.campaigns.templates import Part, Template, compile_template, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

# The parts of an offer that may be templates, and how each is written.
PARTS: Mapping[str, Part] = {"title": "title", "body": "body", "link": "link", "image_url": "link"}


class Texts(NamedTuple):
    """An offer as the app shows it; the code may not be in it yet."""

    title: str
    body: str
    link: str | None = None
    image_url: str | None = None

    def with_code(self, code: str | None) -> Texts:
        """The code where it is to stand; nothing where there is none."""
        known = code or ""
        return Texts(
            self.title.replace(CODE_MARK, known),
            self.body.replace(CODE_MARK, known),
            *(
                link and link.replace(CODE_MARK, quote(known, safe=""))
                for link in (self.link, self.image_url)
            ),
        )


@dataclass(frozen=True, slots=True)
class Version:
    """An offer in one language. `fallback` is what is said where a text cannot be made."""

    title: Template
    body: Template
    link: Template | None = None
    image_url: Template | None = None
    fallback: Texts | None = None

    def write(self, values: Mapping[str, Any]) -> Texts | None:
        """None where a text cannot be made."""
        title, body = self.title.render(values), self.body.render(values)
        if title is None or body is None:
            return None
        links = []
        for template in (self.link, self.image_url):
            link = None if template is None else template.render(values)
            if link is None and template is not None and template.doubts:
                return None
            links.append(link)  # one that is merely too long is left out
        return Texts(title, body, *links)


@dataclass(frozen=True, slots=True)
class Content:
    """All that an offer may say; the tags of `languages` are in lower case."""

    main: Version
    languages: Mapping[str, Version] = field(default_factory=dict)

    def write(self, values: Mapping[str, Any], language: str | None) -> Texts:
        """For these values, in the language that was asked for if there is such a one."""
        tag = lookup(language, self.languages)
        version = self.main if tag is None else self.languages[tag]
        written = version.write(values)
        if written is not None:
            return written
        fallback = version.fallback or self.main.fallback
        # A published offer that may need it has one; a text without its templates is what else could be said.
        return fallback or Texts(version.title.bare, version.body.bare)


def content_of(offer: Mapping[str, Any]) -> Content | None:
    """What a document's offer may say; None where it says the same to everybody."""
    languages = offer.get("languages") or {}
    main = version_of(offer)
    if not languages and all(one is None or one.is_plain for one in _templates(main)):
        return None
    inherited = {name: offer.get(name) for name in ("link", "image_url")}
    versions = {
        tag.lower(): version_of(
            inherited | {name: text for name, text in version.items() if text is not None}
        )
        for tag, version in languages.items()
    }
    return Content(main, versions)


def version_of(texts: Mapping[str, Any]) -> Version:
    """One language. Links that the fallback does not name are the version's own, where no value stands in them."""
    compiled = {name: _compiled(texts.get(name), part) for name, part in PARTS.items()}
    title, body = compiled["title"], compiled["body"]
    assert title is not None, "the schema asks for it"
    assert body is not None, "the schema asks for it"
    return Version(title, body, compiled["link"], compiled["image_url"], _fallback(texts, compiled))


def _fallback(texts: Mapping[str, Any], compiled: Mapping[str, Template | None]) -> Texts | None:
    said = texts.get("fallback")
    if said is None:
        return None
    own = {
        name: one.source
        for name in ("link", "image_url")
        if (one := compiled[name]) is not None and one.is_plain
    }
    return Texts(
        said["title"],
        said["body"],
        *(said.get(name) or own.get(name) for name in ("link", "image_url")),
    )


def _compiled(text: str | None, part: Part) -> Template | None:
    """A text of a document; braces that are no template, stored before there were any, are shown as they are."""
    if text is None:
        return None
    try:
        return compile_template(text, part)
    except TemplateError:
        return plain(text, part)


def _templates(version: Version) -> list[Template | None]:
    return [version.title, version.body, version.link, version.image_url]
