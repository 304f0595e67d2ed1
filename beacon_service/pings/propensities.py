"""The leader's look at what became of offers, each minute: how often each was shown, and how often taken up.

Published as configuration, so that a decision names the version that it was drawn from and a replay draws the same.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from beacon_service.campaigns.ledger import Outcome
from beacon_service.configuration.model import Entry
from beacon_service.configuration.store import Session, record
from beacon_service.db import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from beacon_service.campaigns.programme import Programme
    from beacon_service.db import Connection

ACTOR = "learning"
# What people liked in spring says little of autumn.
LOOK_BACK = timedelta(days=30)

# An offer counts when it was taken up, or its time is over.
_COUNT = """
SELECT offer_id, coalesce(slice, '*'), count(*), count(*) FILTER (WHERE outcomes & %(goal)s <> 0)
FROM grants
WHERE campaign = %(campaign)s AND arm = 'offered' AND decided_at > %(since)s AND offer_id IS NOT NULL
    AND (NOT open OR outcomes & %(goal)s <> 0)
GROUP BY 1, 2 ORDER BY 1, 2
"""


def publish(engine: Engine, programme: Programme, now: datetime) -> list[str]:
    """Count, and write down what changed; answers the campaigns of which something did."""
    with transaction(engine) as connection:
        counted = {key: _counted(connection, key, goal, now) for key, goal in _learning(programme)}
    news = {key: body for key, body in counted.items() if body != programme.learned_body(key)}
    if news:
        with Session(engine) as session:
            entries = [Entry("propensity", key, body) for key, body in news.items()]
            record(session, entries, actor=ACTOR, at=now)
            session.commit()
    return list(news)


def _learning(programme: Programme) -> list[tuple[str, Outcome]]:
    live = (one for one in programme.campaigns.values() if one.status == "published")
    return [(one.id, Outcome.named(one.learning.goal)) for one in live if one.learning is not None]


def _counted(connection: Connection, campaign: str, goal: Outcome, now: datetime) -> dict[str, object]:
    """{offer: {slice: [shown, taken up]}}"""
    params = {"campaign": campaign, "goal": int(goal), "since": now - LOOK_BACK}
    found: dict[str, dict[str, list[int]]] = {}
    for offer, part, shown, taken in connection.execute(_COUNT, params):
        found.setdefault(offer, {})[part] = [shown, taken]
    return {"offers": found}
