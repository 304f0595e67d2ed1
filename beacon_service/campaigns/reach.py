"""Who takes the offers of campaigns by webhook: one that nobody takes is not published, nor left behind."""

from collections.abc import Iterator

from beacon_service.configuration.model import Body
from beacon_service.configuration.schema import Flaw
from beacon_service.configuration.shelf import documents_holding
from beacon_service.configuration.store import Session


def channel_flaws(session: Session, body: Body) -> Iterator[Flaw]:
    """By push or to the app an offer waits in the inbox at the least; by webhook it is sent or it is not."""
    if body.get("channel") != "webhook":
        return
    if not any(_takes(webhook, body["id"]) for webhook in _enabled(session).values()):
        what = "is webhook, and there is no enabled webhook that takes this campaign's offers"
        yield Flaw(("channel",), what, "PUT /v1/webhooks/{id} first, or publish later.")


def reached_only_by(session: Session, webhook: str) -> list[str]:
    """The published campaigns whose offers no other webhook takes, in order."""
    enabled = _enabled(session)
    this = enabled.pop(webhook, None)
    if this is None:
        return []
    published = documents_holding(session, "campaign", {"status": "published", "channel": "webhook"})
    return [
        name
        for name in published
        if _takes(this, name) and not any(_takes(other, name) for other in enabled.values())
    ]


def _enabled(session: Session) -> dict[str, Body]:
    return documents_holding(session, "webhook", {"enabled": True})


def _takes(webhook: Body, campaign: str) -> bool:
    return not webhook["campaigns"] or campaign in webhook["campaigns"]
