"""The commands that bring zones and beacons into a site, and write them out of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from beacon_service.clock import SystemClock
from beacon_service.errors import BadRequest, Invalid
from beacon_service.opening import open_session
from beacon_service.refusal import Refused

if TYPE_CHECKING:
    from beacon_service.zones.transfer import Kind


@click.command("zones")
@click.argument("site")
@click.argument("file", type=click.File("rb"))
def import_zones(site: str, file: IO[bytes]) -> None:
    """Bring the GeoJSON collection FILE (- for stdin) into SITE, all of it or nothing."""
    _bring_in("zones", site, file)


@click.command("beacons")
@click.argument("site")
@click.argument("file", type=click.File("rb"))
def import_beacons(site: str, file: IO[bytes]) -> None:
    """Bring the GeoJSON collection FILE (- for stdin) into SITE, all of it or nothing."""
    _bring_in("beacons", site, file)


@click.command()
@click.argument("kind", type=click.Choice(["zones", "beacons"]))
@click.argument("site")
@click.option(
    "-o", "--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="Not to stdout."
)
def export(kind: Kind, site: str, file: Path | None) -> None:
    """Write SITE's zones or beacons as a GeoJSON collection, which `import` takes."""
    from beacon_service.zones.transfer import take_out  # noqa: PLC0415 - most commands need no shapes

    with open_session() as session:
        parts = take_out(session, kind, site)
        if file is None:
            sys.stdout.buffer.writelines(parts)
            return
        # Whoever finds the file finds all of it.
        unfinished = file.with_name(f"{file.name}.unfinished")
        try:
            with unfinished.open("wb") as written:
                written.writelines(parts)
            unfinished.replace(file)
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror}") from None
        finally:
            unfinished.unlink(missing_ok=True)


def _bring_in(kind: Kind, site: str, file: IO[bytes]) -> None:
    from beacon_service.zones.transfer import bring_in, edit_by  # noqa: PLC0415 - most commands need no shapes

    with open_session() as session:
        try:
            found = bring_in(session, kind, site, file.read(), edit_by("cli", SystemClock().now()))
        except (BadRequest, Invalid) as problem:
            raise Refused(problem) from None
        session.commit()
    changed = [one for one in found.values() if one.changed]
    created = sum(one.created for one in changed)
    counts = f"created {created}, replaced {len(changed) - created}, unchanged {len(found) - len(changed)}"
    version = f"; the configuration is at version {changed[0].stored.version}" if changed else ""
    click.echo(f"{kind} of {site}: {counts}{version}", err=True)
