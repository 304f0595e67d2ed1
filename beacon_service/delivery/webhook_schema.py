"""Bodies of webhooks: where the brand's servers want to be told, and of what."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID  # noqa: TC003 - so does it here

from pydantic import BaseModel, Field

from beacon_service.configuration.schema import Document, Flaw, Id
from beacon_service.delivery.addresses import literal, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beacon_service.delivery.addresses import Network

# A month: whoever has not taken up the new secret by then will not.
LONGEST_OVERLAP_S = 30 * 86_400


class WebhookIn(Document):
    """One of the brand's servers."""

    id: Id | None = None
    url: Annotated[str, Field(max_length=2048, examples=["https://shop.example/beacon"])]
    enabled: bool = True
    campaigns: Annotated[list[Id], Field(max_length=1000)] = Field(
        default_factory=list, description="Whose offers it takes. Empty: those of all campaigns by webhook."
    )
    description: Annotated[str, Field(max_length=200)] = ""

    def document(self, webhook: str) -> dict[str, Any]:
        """The webhook as it is kept."""
        return self.model_dump(mode="json") | {"id": webhook, "disabled_because": None}


class WebhookOut(BaseModel):
    id: str
    url: str
    enabled: bool
    campaigns: list[str]
    description: str
    disabled_because: str | None = Field(description="Where the service disabled it, and not somebody.")
    secret: str | None = Field(
        default=None,
        description="What messages are signed with. Shown when the webhook is made, and never again.",
    )


class WebhookPage(BaseModel):
    items: list[WebhookOut]
    next_cursor: str | None


class RotateIn(Document):
    overlap_s: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP_S)] = Field(
        default=86_400, description="For how long messages are signed with the former secret as well."
    )


class RotatedOut(BaseModel):
    secret: str
    former_ends_at: datetime


class TestedOut(BaseModel):
    message_id: UUID = Field(description="GET /v1/deliveries/{message_id} says how it went.")


def url_flaws(url: str, networks: Sequence[Network]) -> Iterator[Flaw]:
    """What speaks against connecting there, as far as the URL alone tells it."""
    do = "Send one such as https://shop.example/beacon."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        yield Flaw(("url",), "is not a URL", do)
        return
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        yield Flaw(("url",), "is not a URL", do)
    elif parts.scheme not in ({"https", "http"} if networks else {"https"}):
        yield Flaw(("url",), "does not begin with https", do)
    elif parts.username is not None or parts.password is not None:
        yield Flaw(("url",), "carries a name or a password", "Check the signature instead.")
    elif parts.fragment:
        yield Flaw(("url",), "has a fragment, which is never sent", "Leave out what follows #.")
    elif (address := literal(host)) is not None and (why := refusal(address, networks)):
        yield Flaw(("url",), why, "Send a public address, or name its network in BEACON_WEBHOOK_NETWORKS.")
