"""What is asked of backtests, and how they are answered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from beacon_service.backtests.documents import (
    PLACES,
    PLACES_ALONE,
    SORTS,
    Changeable,
    address_flaws,
    key_flaw,
)
from beacon_service.backtests.model import DifferenceKind
from beacon_service.backtests.requests import LONGEST, State, Status
from beacon_service.campaigns.schedule_schema import Instant
from beacon_service.configuration.schema import Document, Flaw, Id, flawed, refuse
from beacon_service.web import PageQuery

MOST_CHANGES = 100
# The key of a document of a site: two ids and the stroke between them.
LONGEST_KEY = 129

_BODY_SCHEMA = {
    "type": ["object", "null"],
    "description": "As in the PUT of its kind; null: it would not be there.",
}


class ChangeIn(Document):
    """One document of the configuration as it would have been all the time."""

    kind: Changeable
    key: Annotated[str, Field(max_length=LONGEST_KEY)] = Field(
        description="Its id; of a floor, zone or stock the site's too: shop/cafe. The policy's is policy.",
        examples=["wine-for-two"],
    )
    body: Annotated[Any, WithJsonSchema(_BODY_SCHEMA)]

    @field_validator("key")
    @classmethod
    def _names_one(cls, key: str, info: ValidationInfo) -> str:
        if "kind" in info.data and (flaw := key_flaw(info.data["kind"], key)) is not None:
            raise flawed("key", flaw.what, flaw.do)
        return key

    @field_validator("body")
    @classmethod
    def _is_one(cls, body: Any, info: ValidationInfo) -> Any:
        """Read as the PUT of its kind would read it, with all that that has to say."""
        if body is None or "kind" not in info.data:
            return None
        kind = info.data["kind"]
        read = SORTS[kind].body.model_validate(body)
        if "key" in info.data:
            refuse(kind, address_flaws(kind, info.data["key"], read))
        return read


class BacktestIn(Document):
    """Recorded traffic, and what would have been otherwise. With nothing changed it is verified."""

    since: Instant = Field(alias="from", examples=["2026-11-16T00:00:00Z"])
    until: Instant = Field(
        alias="to",
        description="Not in the future, and at most 31 days later.",
        examples=["2026-11-23T00:00:00Z"],
    )
    changes: Annotated[list[ChangeIn], Field(max_length=MOST_CHANGES)] = Field(default_factory=list)
    drafts: Annotated[list[Id], Field(max_length=MOST_CHANGES)] = Field(
        default_factory=list,
        description="Campaigns as they are kept now, as if they had been published all the time.",
    )
    positions: Literal["recorded", "anew"] | None = Field(
        default=None,
        description="Whether phones were where they were held to be, or are located anew by what they heard. Left out: "
        "anew where sites, floors, zones, beacons or radio maps are changed.",
    )

    @field_validator("until")
    @classmethod
    def _is_later(cls, until: datetime, info: ValidationInfo) -> datetime:
        since = info.data.get("since")
        if since is not None and until <= since:
            raise flawed("range", "is not after from", "Send a later time.")
        if since is not None and until - since > LONGEST:
            raise flawed("range", f"is more than {LONGEST.days} days after from", "Ask for a shorter range.")
        return until

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse("backtest", [*self._repeated(), *self._idle()])
        return self

    @property
    def anew(self) -> bool:
        if self.positions is None:
            return any(change.kind in PLACES for change in self.changes)
        return self.positions == "anew"

    def _repeated(self) -> list[Flaw]:
        named: list[tuple[tuple[str | int, ...], tuple[str, str]]] = [
            (("changes", n, "key"), (one.kind, one.key)) for n, one in enumerate(self.changes)
        ]
        named += [(("drafts", n), ("campaign", campaign)) for n, campaign in enumerate(self.drafts)]
        first: dict[tuple[str, str], tuple[str | int, ...]] = {}
        return [
            Flaw(path, f"is the {name[0]} {name[1]} again", "Send each document once.")
            for path, name in named
            if first.setdefault(name, path) != path
        ]

    def _idle(self) -> list[Flaw]:
        if self.anew:
            return []
        do = "Send anew, or leave positions out."
        return [
            Flaw(("positions",), f"is recorded, and a {one.kind} then changes nothing", do)
            for one in self.changes
            if one.kind in PLACES_ALONE
        ][:1]


class ChangeOut(BaseModel):
    kind: str
    key: str
    body: dict[str, Any] | None = Field(description="As it would have been kept; null: it was not there.")


class ChangedItem(BaseModel):
    kind: str
    key: str


class ProgressOut(BaseModel):
    share: float = Field(description="Of the recorded time, 0 to 1.")
    steps: int
    decisions: int
    remaining_s: float | None = Field(description="Seconds that it will still run, where that can be told.")


class _Told(BaseModel):
    """What is told of each backtest. `from` and `to` are of Python's own words."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    status: Status
    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    positions: Literal["recorded", "anew"]
    drafts: list[str]
    requested_at: datetime
    actor: str
    begun_at: datetime | None
    ended_at: datetime | None
    attempts: int = Field(
        description="How often it was begun: anew where a worker died at it, three times at most."
    )
    progress: ProgressOut
    error: str | None = Field(description="Why it failed.")
    code_version: str | None = Field(description="Of the engine that decided.")


class BacktestItem(_Told):
    changes: list[ChangedItem]


class BacktestOut(_Told):
    changes: list[ChangeOut] = Field(description="The drafts among them.")
    report: dict[str, Any] | None = Field(description="Once it is done.")


class BacktestPage(BaseModel):
    items: list[BacktestItem]
    next_cursor: str | None


class ExamplesQuery(PageQuery):
    kind: DifferenceKind | None = None
    campaign: Id | None = Field(default=None, description="That gained or lost an offer by it.")


class ExampleOut(BaseModel):
    """A moment that is decided otherwise."""

    number: int
    kind: DifferenceKind
    campaign: str | None
    moment_key: UUID
    customer_id: str | None
    site: str | None
    zone: str | None
    at: datetime
    before: dict[str, Any] | None = Field(description="The decision as it was; null: there was none.")
    after: dict[str, Any] | None = Field(description="As it would be.")


class ExamplePage(BaseModel):
    """The first of them, a thousand at most; the report counts all."""

    items: list[ExampleOut]
    next_cursor: str | None


def shown_item(state: State, now: datetime) -> Mapping[str, Any]:
    asked, left_s = state.request.asked, state.remaining_s(now)
    told = {name: getattr(state, name) for name in State._fields if name in _Told.model_fields}
    return told | {
        "from": asked.since,
        "to": asked.until,
        "positions": "anew" if asked.anew else "recorded",
        "drafts": state.request.drafts,
        "changes": [msgspec.to_builtins(one) for one in asked.instead],
        "progress": {
            "share": state.share,
            "steps": state.steps,
            "decisions": state.decisions,
            "remaining_s": None if left_s is None else round(left_s, 1),
        },
    }


def shown(state: State, now: datetime) -> Mapping[str, Any]:
    return {**shown_item(state, now), "report": state.report}
