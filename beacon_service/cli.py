"""`beacon-service`: what an operator types.

Each command reads the environment, does one thing and ends with status 0; what went wrong is one sentence on
stderr and status 1, or 2 where the environment or the command line is at fault.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg
import sqlalchemy.exc

from beacon_service import backup as backups
from beacon_service import cluster as clusters
from beacon_service import migration, surveying, transferring
from beacon_service.auth import store
from beacon_service.clock import SystemClock
from beacon_service.errors import Problem
from beacon_service.opening import open_engine, open_session
from beacon_service.postgresql import ClusterError
from beacon_service.safety import UnsafeDatabase, refuse_unsafe
from beacon_service.serving import PortTaken, refuse_taken_port, server_command
from beacon_service.settings import DatabaseSettings, Settings, SettingsError, libpq_url

if TYPE_CHECKING:
    from beacon_service.auth.model import KeyKind

EXPECTED = (
    backups.BackupError,
    ClusterError,
    PortTaken,
    Problem,
    UnsafeDatabase,
    psycopg.OperationalError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.ProgrammingError,
)


class OneSentence(click.Group):
    """A group whose commands end in a sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise Misconfigured(_one_line(error)) from None
        except EXPECTED as error:
            raise click.ClickException(_one_line(error)) from None


class Misconfigured(click.ClickException):
    """The environment is at fault, as a wrong option on the command line would be."""

    exit_code = 2


def _one_line(error: Exception) -> str:
    """SQLAlchemy wraps the driver's error in paragraphs; the driver's own words are what helps."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


@click.group(cls=OneSentence, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run and look after the service. Settings come from the environment; docs/operations.md lists them."""


@main.command()
def serve() -> None:
    """Answer HTTP requests until SIGTERM; requests that were accepted are finished first."""
    settings = Settings.load()
    _check_and_remember(settings)
    refuse_taken_port(settings.host, settings.port)
    command = server_command(settings)
    os.execv(command[0], command)  # noqa: S606 - no shell, and our own words


@main.command()
def worker() -> None:
    """Fire timers, expire reservations and clean up, until SIGTERM; any number may run."""
    settings = Settings.load()
    url = _check_and_remember(settings)
    from beacon_service.schedule import work  # noqa: PLC0415 - only this command needs a scheduler

    work(settings.model_copy(update={"database_url": url}))


@main.command()
def migrate() -> None:
    """Bring the database to the schema of this version."""
    migration.upgrade(clusters.resolve_url(DatabaseSettings.load()))
    click.echo(f"the database is at revision {migration.newest_revision()}", err=True)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole database to FILE."""
    backups.backup(clusters.resolve_url(DatabaseSettings.load()), file)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Restore the backup FILE into an empty database."""
    backups.restore(clusters.resolve_url(DatabaseSettings.load()), file)


@main.group()
def cluster() -> None:
    """The private database cluster, which is used where BEACON_DATABASE_URL is unset."""


@cluster.command()
def start() -> None:
    """Make it where it is missing, start it, and print its address."""
    click.echo(clusters.start(clusters.private_cluster(DatabaseSettings.load())))


@cluster.command()
def stop() -> None:
    """Stop it."""
    was_running = clusters.stop(clusters.private_cluster(DatabaseSettings.load()))
    click.echo("stopped" if was_running else "it was not running", err=True)


@cluster.command()
def status() -> None:
    """Say whether it runs; status 1 if not."""
    private = clusters.private_cluster(DatabaseSettings.load())
    pid = clusters.running_pid(private)
    click.echo(f"{private.home}: " + (f"running as process {pid}" if pid else "not running"))
    sys.exit(0 if pid else 1)


@main.group()
def keys() -> None:
    """API keys: a new one is printed once and kept only as a hash."""


@keys.command()
@click.option("--kind", type=click.Choice(["publishable", "secret"]), required=True)
@click.option("--name", required=True, help="What it is for; shown in the list.")
@click.option(
    "--scope", "scopes", multiple=True, help="For a secret key, repeatable; without it, all scopes."
)
def create(kind: KeyKind, name: str, scopes: tuple[str, ...]) -> None:
    """Make a key and print it."""
    with open_session() as session:
        plain = store.create_key(session, kind=kind, name=name, at=SystemClock().now(), scopes=scopes or None)
        session.commit()
    click.echo(plain)


@keys.command("list")
def list_() -> None:
    """Show all keys: id, kind, state, name, scopes."""
    now = SystemClock().now()
    with open_session() as session:
        for key in store.list_keys(session):
            expired = key.expires_at is not None and key.expires_at <= now
            state = "revoked" if key.revoked_at else "expired" if expired else "valid"
            words = (key.id, f"{key.kind:<11}", f"{state:<7}", key.name, *key.scopes)
            click.echo("  ".join(words))


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Stop a key from the next request on."""
    with open_session() as session:
        store.revoke_key(session, key_id, at=SystemClock().now())
        session.commit()


@keys.command()
@click.argument("key_id")
@click.option("--overlap-h", default=24, show_default=True, type=click.IntRange(0, 24 * 90))
def rotate(key_id: str, overlap_h: int) -> None:
    """Make a successor and print it; the old key goes on for OVERLAP_H hours."""
    with open_session() as session:
        plain = store.rotate_key(session, key_id, timedelta(hours=overlap_h), at=SystemClock().now())
        session.commit()
    click.echo(plain)


@main.group()
def phones() -> None:
    """Phone models, and how much more or less each hears than others do."""


@phones.command()
def learn() -> None:
    """Learn the offsets now, from the pings of the last week; the leading worker does so once a day."""
    from beacon_service.pings.catalogue import CatalogueCache  # noqa: PLC0415 - only this command reads pings
    from beacon_service.pings.phone_levels import learn as learn_offsets  # noqa: PLC0415

    with open_engine() as (engine, _):
        places = CatalogueCache().newest(engine).places
        learned = learn_offsets(engine, places, SystemClock().now())
    for one in learned:
        before = places.phones.get(one.model, 0.0)
        known_from = f"{one.beacons} beacons, {one.sightings} sightings"
        click.echo(f"{one.model}: {before:+.1f} -> {one.offset_db:+.1f} dB  ({known_from})")
    if not learned:
        click.echo("nothing changed by 2 dB or more", err=True)


@main.group("import")
def import_() -> None:
    """Bring zones, beacons or a survey into a site."""


import_.add_command(transferring.import_zones)
import_.add_command(transferring.import_beacons)
import_.add_command(surveying.import_survey)
main.add_command(transferring.export)
main.add_command(surveying.surveys)


@main.command()
def openapi() -> None:
    """Print the API's description, OpenAPI 3.1 as JSON."""
    from beacon_service.app import create_app  # noqa: PLC0415 - the commands above need no web application

    app = create_app(Settings.load())
    with app.app_context():
        click.echo(json.dumps(app.spec, indent=2))


def _check_and_remember(settings: Settings) -> str:
    """Refuse a bad database once, here; the processes that follow find its address in the environment."""
    url = clusters.resolve_url(settings)
    with psycopg.connect(libpq_url(url)) as connection:
        refuse_unsafe(connection, settings)
    os.environ["BEACON_DATABASE_URL"] = url
    return url
