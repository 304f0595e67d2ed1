"""What speaks against publishing a campaign by webhook: nobody would take its offers."""

from collections.abc import Iterator

from beacon_service.configuration.model import Body
from beacon_service.configuration.schema import Flaw
from beacon_service.configuration.shelf import documents_holding
from beacon_service.configuration.store import Session


def channel_flaws(session: Session, body: Body) -> Iterator[Flaw]:
    """By push or to the app an offer waits in the inbox at the least; by webhook it is sent or it is not."""
    if body.get("channel") != "webhook":
        return
    enabled = documents_holding(session, "webhook", {"enabled": True}).values()
    if not any(not webhook["campaigns"] or body["id"] in webhook["campaigns"] for webhook in enabled):
        what = "is webhook, and there is no enabled webhook that takes this campaign's offers"
        yield Flaw(("channel",), what, "PUT /v1/webhooks/{id} first, or publish later.")
