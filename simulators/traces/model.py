"""The lines of a trace: what phones and tills sent, in the order in which they sent it (docs/traces.md).

Every line but the header has `at`, the true instant at which it was sent. Clocks of phones may be wrong: what a
report says of itself (`sent_at` and the times of its pings) is by the phone's own.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

FORMAT = "beacon-trace"
VERSION = 1

# As many as the service takes in one request when it is set to take more than it usually does.
MOST_PINGS = 1_000
MOST_SITES = 1_000
MOST_ATTRIBUTES = 100
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

# `$` alone would let a line break follow.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$(?!\n)")]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=4_096)]
Instant = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]
Degrees = Annotated[float, Meta(ge=-180, le=180)]
# A ping as `POST /v1/pings` takes it. Not looked into here: a trace may hold what the service will refuse.
Ping: TypeAlias = dict[str, Any]


class TraceError(Exception):
    """A trace that cannot be read, or would be none if it were written; says where, what and what to do."""


def _in_utc(name: str, at: datetime) -> None:
    if at.utcoffset() != timedelta(0):
        raise ValueError(f"`{name}` should be in UTC, as 2026-11-02T10:00:00.000Z")
    if not FIRST <= at < LAST:
        raise ValueError(f"`{name}` should be between 1970 and 2200")


class Header(Struct, frozen=True, kw_only=True, tag="header", tag_field="kind", forbid_unknown_fields=True):
    """The first line. `ends_at` is None where it was not known beforehand."""

    format: str = FORMAT
    version: int = VERSION
    made_by: Annotated[str, Meta(max_length=1_024)]
    begins_at: Instant
    ends_at: Instant | None = None
    sites: Annotated[tuple[Name, ...], Meta(max_length=MOST_SITES)] = ()
    note: Text | None = None

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"`format` should be {FORMAT}")
        if self.version != VERSION:
            raise ValueError(f"version {self.version} is not known here; this reads version {VERSION}")
        _in_utc("begins_at", self.begins_at)
        if self.ends_at is not None:
            _in_utc("ends_at", self.ends_at)
            if self.ends_at < self.begins_at:
                raise ValueError("`ends_at` is before `begins_at`")


class InstallationConsents(Struct, frozen=True, forbid_unknown_fields=True):
    location: bool
    marketing: bool


class CustomerConsents(Struct, frozen=True, forbid_unknown_fields=True):
    marketing: bool


class Entry(
    Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, forbid_unknown_fields=True
):
    """What every line but the header has."""

    at: Instant

    def __post_init__(self) -> None:
        _in_utc("at", self.at)


class Registered(Entry, frozen=True, kw_only=True, tag="installation"):
    """The app's registration: the body of `PUT /v1/installations/{id}`."""

    installation_id: Name
    platform: Word
    model: Word | None = None
    os_version: Word | None = None
    app_version: Word | None = None
    locale: Word | None = None
    time_zone: Word | None = None
    consents: InstallationConsents


class CustomerTold(Entry, frozen=True, kw_only=True, tag="customer"):
    """What the brand knows of a person: the body of `PUT /v1/customers/{id}`."""

    customer_id: Name
    attributes: Annotated[dict[Name, Any], Meta(max_length=MOST_ATTRIBUTES)]
    consents: CustomerConsents | None = None


class Identified(Entry, frozen=True, kw_only=True, tag="identify"):
    installation_id: Name
    customer_id: Name


class Report(Entry, frozen=True, kw_only=True, tag="report"):
    """One request of one phone, as it left it. `sent_at` is by the phone's clock, `at` the true time.

    `recorded` is what the recorder of a running service adds; players leave it out.
    """

    installation_id: Name
    sent_at: Instant
    pings: Annotated[tuple[Ping, ...], Meta(min_length=1, max_length=MOST_PINGS)]
    recorded: dict[str, Any] | None = None


class EventTold(Entry, frozen=True, kw_only=True, tag="event"):
    """A purchase or another touchpoint: the body of `POST /v1/customers/{id}/events`."""

    customer_id: Name
    event: dict[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        unsaid = [name for name in ("type", "at") if not isinstance(self.event.get(name), str)]
        if unsaid:
            raise ValueError(f"`event` should say its `{unsaid[0]}`, a text")


class OutcomeTold(Entry, frozen=True, kw_only=True, tag="outcome"):
    """What became of a decision, in traces that were recorded."""

    installation_id: Name | None = None
    decision_id: Name
    type: Word


class Response(Entry, frozen=True, kw_only=True, tag="response"):
    """How one made-up person answers offers, so that a replay draws outcomes from known truth.

    view is P(viewed | delivered), click P(clicked | viewed), dismiss P(dismissed | viewed and not clicked), redeem
    P(redeemed | clicked); buy P(a purchase on this visit without any offer), buy_if_offered the same where one
    was shown; delay_s the mean time until they look.
    """

    installation_id: Name
    view: Share
    click: Share
    dismiss: Share
    redeem: Share
    buy: Share
    buy_if_offered: Share
    delay_s: Annotated[float, Meta(ge=0, le=86_400)]


class Note(Entry, frozen=True, kw_only=True, tag="note"):
    """Free text of a converter or an editor."""

    text: Text


class Other(Struct, frozen=True):
    """A line of a kind that is not known here, kept as it stands."""

    kind: str
    at: datetime
    raw: bytes

    def __post_init__(self) -> None:
        _in_utc("at", self.at)


Known: TypeAlias = Registered | CustomerTold | Identified | Report | EventTold | OutcomeTold | Response | Note
Line: TypeAlias = Known | Other


class TruthHeader(
    Struct, frozen=True, kw_only=True, tag="truth", tag_field="kind", forbid_unknown_fields=True
):
    """The first line of the truth beside a trace, whose file's name it tells."""

    version: int = VERSION
    trace: Annotated[str, Meta(max_length=255)]

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ValueError(f"version {self.version} is not known here; this reads version {VERSION}")


class Truth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where somebody really was. `zone` is None outside of all zones, `floor` where there is none."""

    at: Instant
    installation_id: Name
    site: Name | None
    floor: Name | None
    zone: Name | None
    longitude: Degrees
    latitude: Annotated[float, Meta(ge=-90, le=90)]

    def __post_init__(self) -> None:
        _in_utc("at", self.at)
