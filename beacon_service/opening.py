"""How commands open the database that the environment names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from beacon_service.cluster import resolve_url
from beacon_service.db import make_engine
from beacon_service.settings import DatabaseSettings, libpq_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@contextmanager
def open_engine() -> Iterator[tuple[Engine, str]]:
    """An engine with the limits that requests have, and libpq's address of the same database."""
    settings = DatabaseSettings.load()
    url = resolve_url(settings)
    engine = make_engine(url, settings, connections=2)
    try:
        yield engine, libpq_url(url)
    finally:
        engine.dispose()


@contextmanager
def open_session() -> Iterator[Session]:
    """A session without those limits: a collection may be large, and whoever reads an export slow."""
    engine = create_engine(resolve_url(DatabaseSettings.load()))
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()
