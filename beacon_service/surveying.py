"""The commands about surveys: they come in, a radio map is learned, and somebody watches how far it is."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beacon_service.clock import SystemClock
from beacon_service.db import transaction
from beacon_service.errors import Invalid
from beacon_service.opening import open_engine
from beacon_service.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from beacon_service.positioning.learner import Told
    from beacon_service.positioning.surveys import MapKey, MapState

    Watch = Callable[[float, str, float | None], None]

ACTOR = "cli"
LOOK_EVERY_S = 0.5
# The leader looks every two seconds; where nobody has come after ten, perhaps there is none.
NOBODY_CAME_S = 10.0

SITE = click.argument("site")
NUMBER = click.argument("number", type=click.IntRange(1, 2**31 - 1))
ACTIVATE = click.option(
    "--activate/--no-activate", default=True, show_default=True, help="Locate the site by the new map."
)
HERE = click.option("--here", is_flag=True, help="Learn in this command, not in the worker.")


@click.command("survey")
@SITE
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@ACTIVATE
@HERE
def import_survey(site: str, directory: Path, *, activate: bool, here: bool) -> None:
    """Bring the survey in DIRECTORY into SITE and learn a radio map from all of the site's surveys.

    DIRECTORY holds sightings.csv[.gz] and waypoints.csv[.gz]; docs/operations.md tells their columns.
    """
    from beacon_service.configuration.schema import check_ids  # noqa: PLC0415 - most commands need no numpy
    from beacon_service.positioning import service  # noqa: PLC0415
    from beacon_service.positioning.survey import SurveyError  # noqa: PLC0415
    from beacon_service.positioning.survey_files import survey_in  # noqa: PLC0415
    from beacon_service.positioning.surveys import Asked  # noqa: PLC0415

    try:
        survey = survey_in(directory)
    except SurveyError as error:
        raise click.UsageError(str(error)) from None
    with open_engine() as (engine, url):
        by = Asked(ACTOR, SystemClock().now())
        try:
            check_ids(site=site)
            with transaction(engine) as connection:
                number = service.import_survey(connection, site, survey, by)
                key = service.ask_for_map(connection, site, activate=activate, by=by)
        except Invalid as problem:
            raise Refused(problem) from None
        sightings = sum(len(walk.sightings) for walk in survey.walks)
        floors = len({walk.floor for walk in survey.walks})
        left_out = f"; {survey.left_out} sightings left out" if survey.left_out else ""
        click.echo(
            f"survey {number} of {site}: {len(survey.walks)} walks, {floors} floors, {sightings} sightings{left_out}",
            err=True,
        )
        _see_it_learned(engine, url, key, here=here)


@click.group()
def surveys() -> None:
    """Surveys of a site and the radio maps learned from them."""


@surveys.command("list")
@SITE
def list_(site: str) -> None:
    """Show SITE's surveys and radio maps, newest first."""
    from beacon_service.positioning import map_store, service, store  # noqa: PLC0415

    with open_engine() as (engine, _), transaction(engine) as connection:
        service.require_site(connection, site)
        active, now = map_store.active(connection, site), SystemClock().now()
        for one in store.surveys(connection, site):
            state = "withdrawn" if one.withdrawn_at else "counts"
            counts = f"{one.walks} walks, {one.sightings} sightings on {', '.join(one.floors)}"
            click.echo(f"survey {one.number}  {one.imported_at:%Y-%m-%d %H:%M}  {state:<9}  {counts}")
        for found in map_store.states(connection, site):
            state = "in use" if found.number == active else found.status
            words = (f"map {found.number}", f"{found.requested_at:%Y-%m-%d %H:%M}", f"{state:<9}")
            click.echo("  ".join([*words, _about(found, found.eta_s(now))]).rstrip())


@surveys.command()
@SITE
@NUMBER
def withdraw(site: str, number: int) -> None:
    """Learn no more from survey NUMBER. Maps stay as they are: run `surveys learn` for one without it."""
    from beacon_service.positioning import service  # noqa: PLC0415

    with open_engine() as (engine, _), transaction(engine) as connection:
        service.withdraw(connection, site, number, SystemClock().now())


@surveys.command()
@SITE
@ACTIVATE
@HERE
def learn(site: str, *, activate: bool, here: bool) -> None:
    """Learn a new radio map of SITE from all surveys that are not withdrawn."""
    from beacon_service.positioning import service  # noqa: PLC0415
    from beacon_service.positioning.surveys import Asked  # noqa: PLC0415

    with open_engine() as (engine, url):
        with transaction(engine) as connection:
            by = Asked(ACTOR, SystemClock().now())
            key = service.ask_for_map(connection, site, activate=activate, by=by)
        _see_it_learned(engine, url, key, here=here)


@surveys.command()
@SITE
@NUMBER
def activate(site: str, number: int) -> None:
    """Locate SITE by its radio map NUMBER, a new one or an earlier one."""
    from sqlalchemy.orm import Session  # noqa: PLC0415

    from beacon_service.positioning import service  # noqa: PLC0415
    from beacon_service.positioning.surveys import MapKey  # noqa: PLC0415
    from beacon_service.zones.transfer import edit_by  # noqa: PLC0415

    with open_engine() as (engine, _), Session(engine) as session:
        found = service.activate(session, MapKey(site, number), edit_by(ACTOR, SystemClock().now()))
        session.commit()
    click.echo(f"{site} is located by its radio map {number}", err=True)
    click.echo(f"the configuration is at version {found.stored.version}", err=True)


@surveys.command()
@SITE
def deactivate(site: str) -> None:
    """Locate SITE without a radio map, by its beacons' places."""
    from sqlalchemy.orm import Session  # noqa: PLC0415

    from beacon_service.positioning import service  # noqa: PLC0415
    from beacon_service.zones.transfer import edit_by  # noqa: PLC0415

    with open_engine() as (engine, _), Session(engine) as session:
        service.deactivate(session, site, edit_by(ACTOR, SystemClock().now()))
        session.commit()


def _see_it_learned(engine: Engine, url: str, key: MapKey, *, here: bool) -> None:
    from beacon_service.positioning import map_store  # noqa: PLC0415
    from beacon_service.positioning.jobs import MapLearning  # noqa: PLC0415

    with _progress() as watch:
        if here:
            learning = MapLearning(engine, url, SystemClock())
            learning.learn(key, _watched(watch))
            learning.activate_ready()
        found = _settled(engine, key, watch)
    if found.error is not None:
        verb = "could not be learned" if found.status == "failed" else "is learned, but not used"
        raise click.ClickException(f"The radio map {key.number} of {key.site} {verb}: {found.error}")
    with transaction(engine) as connection:
        in_use = map_store.active(connection, key.site) == key.number
    manner = "is in use" if in_use else f"is ready: beacon-service surveys activate {key.site} {key.number}"
    click.echo(f"radio map {key.number} of {key.site} {manner}  ({_about(found, None)})", err=True)


def _settled(engine: Engine, key: MapKey, watch: Watch) -> MapState:
    """Wait until nothing more becomes of the map by itself."""
    from beacon_service.positioning import map_store  # noqa: PLC0415

    began, told = time.monotonic(), False
    while True:
        with transaction(engine) as connection:
            found = map_store.state(connection, key)
        assert found is not None, "maps are not deleted"
        if found.is_settled:
            return found
        waiting = found.status == "queued"
        if waiting and not told and time.monotonic() - began > NOBODY_CAME_S:
            told = True
            hint = "No worker has taken it yet. Start one (beacon-service worker), or stop this with Ctrl-C and run"
            click.echo(f"{hint} beacon-service surveys learn {key.site} --here", err=True)
        watch(found.progress, "waiting" if waiting else found.doing or "", found.eta_s(SystemClock().now()))
        time.sleep(LOOK_EVERY_S)


def _watched(watch: Watch) -> Callable[[Told], None]:
    began = time.monotonic()

    def tell(told: Told) -> None:
        took_s = time.monotonic() - began
        watch(told.share, told.doing, took_s * (1 - told.share) / told.share if told.share else None)

    return tell


def _about(found: MapState, eta_s: float | None) -> str:
    if found.error is not None:
        return found.error
    if found.status == "learning":
        return f"{found.progress:.0%}" + (f", {eta_s:.0f} s left" if eta_s is not None else "")
    numbers = [str(number) for number in found.surveys or ()]
    learned_from = [f"from survey{'s' * (len(numbers) > 1)} {', '.join(numbers)}"] if numbers else []
    report = found.report or {}
    counted = [f"{report[name]} {name}" for name in ("walks", "sightings", "transmitters") if name in report]
    return ", ".join([*learned_from, *counted])


@contextmanager
def _progress() -> Iterator[Watch]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("waiting", total=1.0, left="")

        def watch(share: float, doing: str, eta_s: float | None) -> None:
            left = "" if eta_s is None else f"about {eta_s:.0f} s left"
            bar.update(task, completed=share, description=doing, left=left)

        yield watch
