"""What there is to see of how busy a web process is: how long pings wait, how many do, and who was sent away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from beacon_service.chance import random_bits
from beacon_service.errors import Overloaded
from beacon_service.pings.shedding import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from beacon_service.pings.shedding import Reason
    from beacon_service.web.metrics import Metrics


class LoadMeters:
    """Of one application, beside its other meters."""

    def __init__(self, metrics: Metrics, *, delay_s: Callable[[], float], waiting: Callable[[], int]) -> None:
        self.answered = metrics.count
        self._refused = Counter(
            "beacon_requests_refused_total",
            "Requests answered 503 because there was too much to do.",
            ("what", "reason"),
            registry=metrics.registry,
        )
        Gauge(
            "beacon_pings_delay_seconds", "How long pings wait for their turn now.", registry=metrics.registry
        ).set_function(delay_s)
        Gauge(
            "beacon_pings_waiting",
            "Requests of pings that wait for their turn now.",
            registry=metrics.registry,
        ).set_function(waiting)

    def refused_ping(self, reason: Reason) -> None:
        self._refused.labels("pings", reason).inc()

    def refuse_other(self, reason: Reason) -> Overloaded:
        """What somebody is told whose request is not of pings; counted."""
        self._refused.labels("others", reason).inc()
        return Overloaded(retry_after_s=retry_after_s(0.0, random_bits(32) / 2**32))
