"""All configuration is documents, each logged with every version that it ever had. Values only."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "site",
    "floor",
    "zone",
    "beacon",
    "campaign",
    "policy",
    "phone",
    "radio_map",
    "code_pool",
    "audience",
    "list",
    "webhook",
    "product",
    "stock",
    "propensity",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Body: TypeAlias = Mapping[str, Any]

POLICY_KEY = "policy"


@dataclass(frozen=True, slots=True)
class Entry:
    """One edit: the document as it is from now on, or None where it was deleted."""

    kind: Kind
    key: str
    body: Body | None


@dataclass(frozen=True, slots=True)
class Documents:
    """The latest body of each document that changed up to `version`; None stands for a deletion."""

    version: int
    bodies: Mapping[tuple[Kind, str], Body | None] = field(repr=False)

    def of(self, kind: Kind) -> Iterator[tuple[str, Body | None]]:
        """Yield (key, body) of one kind, by key."""
        yield from sorted(
            ((key, body) for (found, key), body in self.bodies.items() if found == kind), key=itemgetter(0)
        )

    def applied(
        self, kind: Kind, before: Mapping[Any, Any], read: Callable[[Body], Any]
    ) -> Mapping[Any, Any]:
        """By key, what was before with the changes of that kind: read from their bodies, or gone."""
        if not self.names(kind):
            return before
        after = dict(before)
        for key, body in self.of(kind):
            if body is None:
                after.pop(key, None)
            else:
                after[key] = read(body)
        return MappingProxyType(after)

    def names(self, *kinds: Kind) -> bool:
        """Whether a document of one of these kinds is among them."""
        return any(kind in kinds for kind, _ in self.bodies)


NOTHING = Documents(version=0, bodies={})


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it is kept, with the version that its last change made: the number in its ETag."""

    key: str
    version: int
    body: Body = field(repr=False)


@dataclass(frozen=True, slots=True)
class Edition:
    """What one version of the log says of one document; without a body it was deleted."""

    version: int
    at: datetime
    actor: str
    body: Body | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoggedEdit:
    """One document of one edit, as it was before (None: there was none) and after (None: it was deleted)."""

    version: int
    kind: str
    key: str
    at: datetime
    actor: str
    before: Body | None = field(repr=False)
    after: Body | None = field(repr=False)


# Is given the version that an edit would write over, or None, and raises where the request may not.
Precondition: TypeAlias = Callable[[int | None], None]


@dataclass(frozen=True, slots=True)
class Edit:
    """Who edits, when, and over which version."""

    actor: str
    at: datetime
    precondition: Precondition


@dataclass(frozen=True, slots=True)
class Saved:
    """What a PUT came to."""

    stored: Stored
    created: bool
    changed: bool
