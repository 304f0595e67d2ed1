"""What all bodies of the control plane have in common: ids, strict types, and flaws told all at once."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from beacon_service.errors import Fault, Invalid, fault

ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
_ID = re.compile(ID_PATTERN.removesuffix("$"))


class Flaw(NamedTuple):
    """One thing wrong with a document: the path to it, what is wrong and what to do."""

    path: tuple[str | int, ...]
    what: str
    do: str


class Document(BaseModel):
    """A body that says something we do not know is a mistake that we can name."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise flawed("time_zone", "is not an IANA time zone", "Send one such as Europe/Amsterdam.") from None
    return name


def _known_clock(name: str) -> str:
    return name if name in CLOCKS else _known_time_zone(name)


def flawed(kind: str, what: str, do: str) -> PydanticCustomError:
    """The error by which a pydantic validator says what is wrong and what to do."""
    # Texts go in as values: braces in them are the sender's and must not be taken for placeholders.
    return PydanticCustomError(kind, "{what}", {"what": what, "do": do})


def refuse(title: str, flaws: Iterable[Flaw], document: Any = None) -> None:
    """Raise them together from within a validator, if there are any."""
    details = [
        InitErrorDetails(type=flawed("flaw", flaw.what, flaw.do), loc=flaw.path, input=document)
        for flaw in flaws
    ]
    if details:
        raise ValidationError.from_exception_data(title, details)


def refuse_document(flaws: Iterable[Flaw], detail: str = "") -> None:
    """Raise what the stored configuration says against a document, if anything, as a problem."""
    faults = [fault(pointer(flaw.path), flaw.what, flaw.do) for flaw in flaws]
    if faults:
        raise Invalid(detail or "The document does not fit the configuration.", errors=faults)


def pointer(path: Iterable[str | int]) -> str:
    """("geometry", 0) -> "/geometry/0" (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def is_id(given: str) -> bool:
    return bool(_ID.fullmatch(given))


def check_ids(**ids: str) -> None:
    """Refuse ids of the address that nothing can have."""
    faults = [_not_an_id(name) for name, given in ids.items() if not is_id(given)]
    if faults:
        raise Invalid("The address names something by what is not an id.", errors=faults)


def check_address(sent: dict[str, str | None], **ids: str) -> None:
    """Refuse a body that says it is another document than the one at the address."""
    faults = [
        fault(
            f"/{name}",
            f"is {sent[name]}, and the address says {given}",
            f"Leave {name} out, or send {given}.",
        )
        for name, given in ids.items()
        if sent.get(name) not in {None, given}
    ]
    if faults:
        raise Invalid("The body does not belong to this address.", errors=faults)


def _not_an_id(name: str) -> Fault:
    return fault(name, "is not an id", "Use 1 to 64 letters, digits, dots, underscores, colons or hyphens.")


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["09:00"])]
Id = Annotated[str, Field(pattern=ID_PATTERN, examples=["cafe"])]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Tag = Annotated[str, Field(pattern=ID_PATTERN, examples=["food"])]
TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_known_time_zone)]
# Whose clock: one of these words, or a time zone.
CLOCKS = ("site", "customer", "organisation")
WhoseClock = Annotated[str, Field(max_length=64, examples=["site"]), AfterValidator(_known_clock)]
