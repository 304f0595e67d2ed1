"""What an operator watches of the web service, in Prometheus' text format.

Labels are route templates, methods and statuses: bounded in number, and nothing of a person. Each process
counts for itself; with several, scrape each or read the rates as shares.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

# From a single ping (about a millisecond) to the statement timeout.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The meters of one application, in a registry of its own: two applications in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._requests = Counter(
            "beacon_http_requests_total",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "beacon_http_request_seconds",
            "Time from the first byte read to the answer made.",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )

    def count(self, method: str, route: str, status: int, duration_s: float) -> None:
        counter, histogram = self._meters(method, route, status)
        counter.inc()
        histogram.observe(duration_s)

    def _meters(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """The two for these labels, remembered: looking them up costs more than counting."""
        labels = (method, route, status)
        if (known := self._known.get(labels)) is None:
            known = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
            self._known[labels] = known
        return known

    def text(self) -> bytes:
        return generate_latest(self.registry)
