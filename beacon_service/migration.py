"""Bring a database to the schema that this code expects, and say how far it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

from beacon_service import partitions
from beacon_service.settings import libpq_url

# The same in a checkout and in an installed wheel, where `migrations` is a package of its own.
SCRIPTS = Path(__file__).resolve().parents[1] / "migrations"


def upgrade(url: str) -> None:
    """Apply what is missing, in one transaction, forward only; and make room for the pings of the coming days."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        configuration = _configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
    with psycopg.connect(libpq_url(url)) as connection:
        partitions.ensure(connection, datetime.now(UTC).date())


def newest_revision() -> str:
    """The revision that this code was written for."""
    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    assert head is not None, "the package contains no migration"
    return head


def applied_revision(connection: psycopg.Connection[tuple[object, ...]]) -> str | None:
    """The revision that the database is at, or None where nothing was migrated yet."""
    there = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return None
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if found is None else str(found[0])


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return configuration
