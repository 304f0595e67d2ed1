"""What one process of the service shares between its requests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from flask import current_app

from beacon_service.chance import random_bits
from beacon_service.clock import Clock
from beacon_service.settings import Settings
from beacon_service.web.metrics import Metrics


def random_seed() -> int:
    """63 random bits: they fit a bigint, and no two causes are likely ever to share them."""
    return random_bits(63)


@dataclass(frozen=True, slots=True)
class Service:
    settings: Settings
    database_url: str
    clock: Clock
    seed: Callable[[], int] = random_seed
    metrics: Metrics = field(default_factory=Metrics)


def running() -> Service:
    """The service that the request at hand came to."""
    found: Service = current_app.extensions["beacon"]
    return found


def now() -> datetime:
    """What its clock says; aware, UTC."""
    return running().clock.now()
