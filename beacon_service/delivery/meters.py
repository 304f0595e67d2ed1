"""How deliveries fare, for Prometheus: over all workers, since it is read from the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from beacon_service.db import Statement, round_trip
from beacon_service.delivery.outbox_store import ITS_TURN, LANES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from prometheus_client.core import Metric

    from beacon_service.db import Connection, Row

COUNTS = "SELECT channel, result, count FROM delivery_counts ORDER BY channel, result"

# By the index that workers take by; what waits for an older one of the same customer is due when its turn comes.
OLDEST = f"""
SELECT lane.channel, max(%(now)s::timestamptz - due.next_at)
FROM (
    {LANES}
) AS lane
LEFT JOIN LATERAL (
    SELECT d.next_at FROM deliveries AS d
    WHERE d.state = 'waiting' AND d.channel = lane.channel AND d.endpoint = lane.endpoint
        AND d.next_at <= %(now)s::timestamptz
        AND {ITS_TURN}
    ORDER BY d.next_at LIMIT 1
) AS due ON true
GROUP BY lane.channel ORDER BY lane.channel
"""  # noqa: S608 - parts that are constant


class _Read(Collector):
    """What was read just now."""

    def __init__(self, counts: Iterable[Row], oldest: Iterable[Row]) -> None:
        self._counts = list(counts)
        self._oldest = list(oldest)

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily(
            "beacon_deliveries",
            "Messages by what became of an attempt, over all workers.",
            labels=["channel", "result"],
        )
        for channel, result, count in self._counts:
            counted.add_metric([channel, result], count)
        yield counted
        waiting = GaugeMetricFamily(
            "beacon_deliveries_oldest_due_seconds",
            "For how long the oldest message that is due has been so.",
            labels=["channel"],
        )
        for channel, age in self._oldest:
            waiting.add_metric([channel], 0.0 if age is None else age.total_seconds())
        yield waiting


def text(connection: Connection, now: datetime) -> bytes:
    """In Prometheus' text format."""
    counts, oldest = round_trip(connection, [Statement(COUNTS), Statement(OLDEST, {"now": now})])
    registry = CollectorRegistry()
    registry.register(_Read(counts, oldest))
    return generate_latest(registry)
