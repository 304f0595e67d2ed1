"""Bodies of products and of what a site has of them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from beacon_service.campaigns.caps_schema import Count
from beacon_service.campaigns.schedule_schema import Instant
from beacon_service.configuration.schema import Document, Flaw, Id, Name, Tag, refuse

# One import holds the configuration's lock while it is written; a larger assortment comes in parts.
MOST_ROWS = 10_000
# Of a file with one mistake in each line the first few tell what is wrong.
MOST_NAMED = 20


class ProductIn(Document):
    """Something that is sold."""

    id: Id | None = None
    name: Name
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    price: (
        Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,11})([.][0-9]{1,4})?$", examples=["3.50"])] | None
    ) = Field(default=None, description="As it is shown; a text, so that no cent is lost.")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])] | None = Field(
        default=None, description="Of the price, ISO 4217."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.price is None) != (self.currency is None):
            missing = "price" if self.price is None else "currency"
            refuse("product", [Flaw((missing,), "is missing", "Send price and currency, or neither.")])
        return self

    def document(self, product: str) -> dict[str, Any]:
        priced = {} if self.price is None else {"price": self.price, "currency": self.currency}
        return {"id": product, "name": self.name, "tags": sorted(set(self.tags)), **priced}


class ProductOut(BaseModel):
    id: str
    name: str
    tags: list[str]
    price: str | None = None
    currency: str | None = None


class ProductPage(BaseModel):
    items: list[ProductOut]
    next_cursor: str | None


class QuantityIn(Document):
    quantity: Count
    at: Instant | None = Field(default=None, description="When it was counted. Left out: now.")


class StockLineIn(Document):
    """A line of an import; of a CSV file every value is a text."""

    product: Id
    quantity: Annotated[Count, Field(strict=False)]
    at: Instant | None = None


class StockImportIn(Document):
    """All or none of them are taken."""

    stock: Annotated[list[StockLineIn], Field(min_length=1, max_length=MOST_ROWS)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse("stock", list(self._flaws())[:MOST_NAMED])
        return self

    def _flaws(self) -> Iterator[Flaw]:
        first: dict[str, int] = {}
        for number, line in enumerate(self.stock):
            if first.setdefault(line.product, number) != number:
                what = f"is of {line.product}, and so is line {first[line.product]}"
                yield Flaw(("stock", number, "product"), what, "Send each product once.")


class StockOut(BaseModel):
    site: str
    product: str
    quantity: int
    at: datetime


class StockPage(BaseModel):
    items: list[StockOut]
    next_cursor: str | None


class ImportedOut(BaseModel):
    created: int
    replaced: int
    unchanged: int
    version: int | None = Field(description="Of the configuration; null: nothing changed.")
