"""Bodies of pools of codes."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from beacon_service.campaigns.codes import is_code
from beacon_service.configuration.schema import Document, Flaw, Id, Name, refuse

# A file of 8 MB holds half a million codes; one import locks its pool, so it comes in parts.
MOST_CODES = 100_000
# Of a file with one mistake in each line the first few tell what is wrong.
MOST_NAMED = 20


class CodePoolIn(Document):
    """Codes of which each is given to one customer."""

    id: Id | None = None
    name: Name

    def document(self, pool: str) -> dict[str, Any]:
        return {"id": pool, "name": self.name}


class CodePoolOut(BaseModel):
    id: str
    name: str


class CodePoolPage(BaseModel):
    items: list[CodePoolOut]
    next_cursor: str | None


class CodesImportIn(Document):
    """All or none of them are taken."""

    codes: Annotated[list[str], Field(min_length=1, max_length=MOST_CODES)] = Field(
        description="4 to 64 letters, digits, dots, underscores or hyphens each."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        for flaw in self._flaws():
            found.append(flaw)
            if len(found) == MOST_NAMED:
                break
        refuse("codes", found)
        return self

    def _flaws(self) -> Iterator[Flaw]:
        first: dict[str, int] = {}
        for number, code in enumerate(self.codes):
            if not is_code(code):
                do = "Use 4 to 64 letters, digits, dots, underscores or hyphens."
                yield Flaw(("codes", number), "is not a code", do)
            elif first.setdefault(code, number) != number:
                yield Flaw(("codes", number), f"is code {first[code]} again", "Send each code once.")


class PoolCountsOut(BaseModel):
    total: int
    left: int = Field(description="That nobody has.")
    given_out: int = Field(description="That somebody has, redeemed or not.")
    redeemed: int
