"""Bodies of named audiences and of lists. `docs/audiences.md` tells rules with examples."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from beacon_service.campaigns.rules import rule_flaws
from beacon_service.configuration.schema import Document, Id, Name, refuse

# As many as go into an import's body in any case, and as one transaction may hold locked without being noticed.
MOST_MEMBERS = 10_000


def _sound_rule(value: Any) -> Any:
    refuse("rule", rule_flaws(value))
    return value


RULE_SCHEMA = {
    "type": "object",
    "description": 'A test, or {"all": [rules]}, {"any": [rules]}, {"not": rule}. Tests ask for an attribute, a '
    "consent, visits, last_visit, events, last_event, a list or an audience.",
    "examples": [
        {
            "all": [
                {"attribute": "loyalty", "op": "eq", "value": "gold"},
                {"visits": {"site": "shop"}, "op": "ge", "value": 3},
            ]
        }
    ],
}

# Any: read by hand, so that each wrong test of a tree is named by its place.
Rule = Annotated[Any, AfterValidator(_sound_rule), WithJsonSchema(RULE_SCHEMA)]


class AudienceIn(Document):
    """A rule with a name."""

    id: Id | None = None
    name: Name
    rule: Rule

    def document(self, audience_id: str) -> dict[str, Any]:
        return {"id": audience_id, "name": self.name, "rule": self.rule}


class AudienceOut(BaseModel):
    id: str
    name: str
    rule: dict[str, Any]


class AudiencePage(BaseModel):
    items: list[AudienceOut]
    next_cursor: str | None


class EstimateIn(Document):
    rule: Rule


class SizeOut(BaseModel):
    """How many customers are in it, anonymous ones included."""

    customers: int
    share: float = Field(description="Of all customers, from 0 to 1.")
    estimated: bool = Field(description="Reckoned from a sample, since counting would have taken too long.")


class MemberOut(BaseModel):
    id: str
    anonymous: bool


class MemberPage(BaseModel):
    items: list[MemberOut]
    next_cursor: str | None


class NamedOut(BaseModel):
    id: str
    name: str


class CustomersAudiencesOut(BaseModel):
    audiences: list[NamedOut]
    lists: list[str]


class ListIn(Document):
    """A list of customers that the brand keeps by hand, or by its other systems."""

    id: Id | None = None
    name: Name

    def document(self, list_id: str) -> dict[str, Any]:
        return {"id": list_id, "name": self.name}


class ListOut(BaseModel):
    id: str
    name: str


class ListPage(BaseModel):
    items: list[ListOut]
    next_cursor: str | None


class MembersIn(Document):
    """Customers by their ids; as CSV the first column of each line, below a heading."""

    customers: Annotated[list[Id], Field(min_length=1, max_length=MOST_MEMBERS)]


class MembersOut(BaseModel):
    changed: int = Field(description="Customers who were put on the list, or taken off it.")
    unchanged: int
    created: int = Field(default=0, description="Customers whom nobody had told of before.")
