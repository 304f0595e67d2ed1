"""What may be otherwise in a backtest: each kind of document, checked and kept as its own PUT does it.

Kinds that have no say in what is decided (webhooks, lists' and pools' names), or that nobody sends (phones,
propensities), are none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from beacon_service.campaigns.audience_schema import AudienceIn
from beacon_service.campaigns.policy_schema import PolicyIn
from beacon_service.campaigns.products_schema import ProductIn, QuantityIn
from beacon_service.campaigns.schema import CampaignIn
from beacon_service.configuration.model import POLICY_KEY
from beacon_service.configuration.schema import Flaw, is_id
from beacon_service.positioning.schema import ActiveMapIn
from beacon_service.zones.beacon_schema import BeaconIn
from beacon_service.zones.schema import FloorIn, SiteIn, ZoneIn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from beacon_service.configuration.schema import Document

Changeable = Literal[
    "site",
    "floor",
    "zone",
    "beacon",
    "radio_map",
    "campaign",
    "policy",
    "audience",
    "product",
    "stock",
]
# Where a phone is held to be follows from these.
PLACES: tuple[Changeable, ...] = ("site", "floor", "zone", "beacon", "radio_map")
# And of these it is the only thing that does.
PLACES_ALONE: tuple[Changeable, ...] = ("beacon", "radio_map")


class Sort(NamedTuple):
    """`names`: the fields whose values, joined by "/", make the key."""

    body: type[Document]
    names: tuple[str, ...]


SORTS: Mapping[Changeable, Sort] = {
    "site": Sort(SiteIn, ("id",)),
    "floor": Sort(FloorIn, ("site", "id")),
    "zone": Sort(ZoneIn, ("site", "id")),
    "beacon": Sort(BeaconIn, ("id",)),
    "radio_map": Sort(ActiveMapIn, ("site",)),
    "campaign": Sort(CampaignIn, ("id",)),
    "policy": Sort(PolicyIn, ()),
    "audience": Sort(AudienceIn, ("id",)),
    "product": Sort(ProductIn, ("id",)),
    "stock": Sort(QuantityIn, ("site", "product")),
}
assert set(SORTS) == set(get_args(Changeable))


def key_flaw(kind: Changeable, key: str) -> Flaw | None:
    names = SORTS[kind].names
    if not names:
        if key == POLICY_KEY:
            return None
        return Flaw((), "is not the key of the contact policy", f"Send {POLICY_KEY}.")
    parts = key.split("/")
    if len(parts) == len(names) and all(map(is_id, parts)):
        return None
    spelt = "/".join("{" + name + "}" for name in names)
    do = f"Send {spelt}, of 1 to 64 letters, digits, dots, underscores, colons or hyphens each."
    return Flaw((), f"is not the key of a {kind}", do)


def address_flaws(kind: Changeable, key: str, body: Document) -> Iterator[Flaw]:
    """A body that says that it is another document than its key."""
    for name, given in zip(SORTS[kind].names, key.split("/"), strict=False):
        if (sent := getattr(body, name, None)) not in {None, given}:
            yield Flaw((name,), f"is {sent}, and the key says {given}", f"Leave {name} out, or send {given}.")


def document(kind: Changeable, key: str, body: Any) -> dict[str, Any]:
    """As it would be kept, but for what is to be looked up: a campaign's revision, a map's digest, a count's time."""
    ids = key.split("/")
    if kind == "policy":
        kept: dict[str, Any] = body.document()
        return kept
    if kind in {"floor", "stock", "radio_map"}:
        named = dict(zip(SORTS[kind].names, ids, strict=True))
        return body.model_dump() | named  # type: ignore[no-any-return]
    return body.document(*ids)  # type: ignore[no-any-return]
