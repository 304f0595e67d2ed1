"""Bodies of offers: texts that may be templates, languages, fallbacks and codes. `docs/offers.md` shows them."""

from collections.abc import Iterator
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from beacon_service.campaigns.caps_schema import Count
from beacon_service.campaigns.codes import PROOF, SHORTEST
from beacon_service.campaigns.content import PARTS
from beacon_service.campaigns.languages import TAG_PATTERN
from beacon_service.campaigns.template_reader import TemplateError
from beacon_service.campaigns.templates import Template, compile_template
from beacon_service.configuration.schema import Document, Flaw, Id, Name, refuse

# Three months, about as long as a ledger row is kept open for an outcome.
LONGEST_OFFER_S = 90 * 86_400
# As many as a large brand's app is translated into.
MOST_LANGUAGES = 50

Body = Annotated[str, Field(max_length=2000)]
Link = Annotated[str, Field(max_length=2048, description="https; values in it are encoded.")]
LanguageTag = Annotated[str, Field(pattern=TAG_PATTERN, max_length=35, examples=["de-CH"])]

_TEMPLATES = "See docs/offers.md for what a text may hold; write {% raw %}{{{% endraw %} for two braces."
_HTTPS = "Send one such as https://shop.example/offer."


class _Said(Document):
    """Drops what nothing is said of, so that offers stay as they were kept before it could be said."""

    @model_serializer(mode="wrap")
    def _without_silence(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = serialize(self)
        return {
            name: value for name, value in told.items() if value is not None or name not in self._silent()
        }

    @classmethod
    def _silent(cls) -> frozenset[str]:
        return frozenset({"languages", "fallback", "codes", "products", "stock_max_age_s"})


class FallbackIn(_Said):
    """What is said where a text cannot be made for somebody. No templates."""

    title: Name
    body: Body
    link: Link | None = None
    image_url: Link | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        for name in PARTS:
            text = getattr(self, name)
            if text is not None and ("{{" in text or "{%" in text):
                found.append(Flaw((name,), "is a template", "A fallback says the same to everybody."))
            elif text is not None and name in {"link", "image_url"} and not _is_https(text):
                found.append(Flaw((name,), "is not an https link", _HTTPS))
        refuse("fallback", found)
        return self

    @classmethod
    def _silent(cls) -> frozenset[str]:
        return frozenset({"link", "image_url"})


class TextsIn(_Said):
    """What the customer reads, in one language; each text may be a template."""

    title: Name
    body: Body
    link: Link | None = None
    image_url: Link | None = None
    fallback: FallbackIn | None = Field(
        default=None,
        description="Said instead where a text cannot be made, such as for want of an attribute.",
    )

    @model_validator(mode="after")
    def _are_templates(self) -> Self:
        refuse("texts", self._text_flaws())
        return self

    def compiled(self) -> dict[str, Template]:
        """The texts that there are; TemplateError where one is none of ours."""
        said = {name: getattr(self, name) for name in PARTS}
        return {name: compile_template(text, PARTS[name]) for name, text in said.items() if text is not None}

    def _text_flaws(self) -> Iterator[Flaw]:
        for name, part in PARTS.items():
            text = getattr(self, name)
            if text is None:
                continue
            try:
                template = compile_template(text, part)
            except TemplateError as error:
                yield Flaw((name,), str(error), _TEMPLATES)
                continue
            if part == "link" and template.is_plain and not _is_https(text):
                yield Flaw((name,), "is not an https link", _HTTPS)


class LanguageIn(TextsIn):
    """An offer in another language; links that it does not name are the offer's."""

    @classmethod
    def _silent(cls) -> frozenset[str]:
        return frozenset({"link", "image_url", "fallback"})


class GeneratedIn(Document):
    """Codes that are made when they are given out: not to be guessed, and checked without being looked up."""

    prefix: Annotated[str, Field(pattern=r"^[A-Z0-9._-]{0,16}$", examples=["SUMMER-"])] = ""
    length: Annotated[int, Field(ge=SHORTEST + PROOF, le=40)] = 12


class CodesIn(_Said):
    """A code of their own for each customer."""

    pool: Id | None = Field(default=None, description="The pool that it is taken from.")
    generated: GeneratedIn | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.pool is None) == (self.generated is None):
            refuse("codes", [Flaw((), "names not exactly one source", "Send pool or generated.")])
        return self

    @classmethod
    def _silent(cls) -> frozenset[str]:
        return frozenset({"pool", "generated"})


class OfferIn(TextsIn):
    """What the customer sees."""

    id: Id
    languages: dict[LanguageTag, LanguageIn] | None = Field(
        default=None,
        max_length=MOST_LANGUAGES,
        description="By BCP 47 tag: told to whose attribute `language`, or else whose phone, asks for it.",
    )
    code: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="The same for everybody; it cannot be redeemed by itself."
    )
    codes: CodesIn | None = None
    expires_after_s: Annotated[int, Field(ge=1, le=LONGEST_OFFER_S)] = 3600
    products: Annotated[list[Id], Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="What it is about: offered only at sites that have all of them in stock."
    )
    stock_max_age_s: Annotated[int, Field(ge=60, le=90 * 86_400)] | None = Field(
        default=None, description="How old the count may be. Left out: a day."
    )
    weight: Annotated[float, Field(gt=0, le=1_000_000)] = Field(
        default=1.0,
        description="Of several offers, its part of the customers: each keeps the one that is theirs.",
    )
    cost: Count = Field(
        default=0, description="What one costs, in the smallest unit of money; for budgets of cost."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        if self.code is not None and self.codes is not None:
            found.append(Flaw(("codes",), "stands beside code", "Send one of them."))
        found += self._twice()
        if self.code is None and self.codes is None:
            found += [
                Flaw(path, "names offer.code, and there is none", "Send code or codes.")
                for path, template in self._templates()
                if template.uses_code
            ]
        if self.products is None:
            found += [
                Flaw(path, "names a product, and the offer is about none", "Send products.")
                for path, template in self._templates()
                if template.uses_products
            ]
        refuse("offer", found)
        return self

    def _twice(self) -> Iterator[Flaw]:
        first: dict[str, str] = {}
        for tag in self.languages or {}:
            if first.setdefault(tag.lower(), tag) != tag:
                what = f"is the same language as {first[tag.lower()]}"
                yield Flaw(("languages", tag), what, "Send one of them.")

    def _templates(self) -> list[tuple[tuple[str | int, ...], Template]]:
        """Each text with the path to it, the offer's own and those of its languages."""
        found: list[tuple[tuple[str | int, ...], Template]] = []
        found += [((name,), template) for name, template in self.compiled().items()]
        for tag, language in (self.languages or {}).items():
            found += [(("languages", tag, name), template) for name, template in language.compiled().items()]
        return found


def _is_https(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and link.isprintable() and " " not in link
