"""The command that asks what would have been decided: verified, or under another configuration."""

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from simulators.backtesting.asking import Backtests, backtests
from simulators.backtesting.changes import ChangeError, read_changes, read_setting, with_setting
from simulators.backtesting.page import page
from simulators.backtesting.telling import campaigns_table, example_lines, headline, summary
from simulators.client import ServiceError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SHOWN_EXAMPLES = 10


class Instant(click.ParamType[str]):
    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-11-16T00:00:00Z", param, ctx)
        if at.tzinfo is None:
            self.fail(f"{value!r} has no offset: end it with Z, or with +01:00", param, ctx)
        return at.isoformat()


@click.command()
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The service's address.")
@click.option("--secret-key", envvar="BEACON_SECRET_API_KEY", required=True, help="May configure and read.")
@click.option("--from", "since", type=Instant(), required=True, help="Where the recorded traffic begins.")
@click.option("--to", "until", type=Instant(), required=True, help="Before when it ends.")
@click.option("--verify", is_flag=True, help="Change nothing, and fail where anything is decided otherwise.")
@click.option("--change", "files", type=FILE, multiple=True, help="Documents as they would be, as JSON.")
@click.option("--set", "settings", multiple=True, help="One field: campaign/coffee/caps/0/limit=2.")
@click.option("--draft", "drafts", multiple=True, help="A campaign, as if it had been published.")
@click.option("--positions", type=click.Choice(["recorded", "anew"]), help="Where phones were.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as a page.")
@click.option("--json", "as_json", is_flag=True, help="End in one line of JSON; with --verify always.")
def backtest(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    url: str,
    secret_key: str,
    since: str,
    until: str,
    verify: bool,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    drafts: tuple[str, ...],
    positions: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Decide recorded traffic again: under a changed configuration, or to verify that it comes out the same."""
    if verify == bool(files or settings or drafts):
        raise click.UsageError("say what to change (--change, --set, --draft), or --verify")
    asked: dict[str, Any] = {"from": since, "to": until, "drafts": list(drafts)}
    if positions is not None:
        asked["positions"] = positions
    try:
        asked["changes"] = [one for file in files for one in read_changes(file)]
        answer, examples = asyncio.run(_run(url, secret_key, asked, settings))
    except (ServiceError, ChangeError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    _tell(answer, examples)
    if html is not None and answer["report"] is not None:
        html.write_text(page(answer, examples), encoding="utf-8")
        click.echo(f"{html}: the report as a page", err=True)
    if as_json or verify:
        click.echo(json.dumps(summary(answer)))
    is_well = answer["status"] == "done" and not (verify and answer["report"]["differences"])
    sys.exit(0 if is_well else 1)


async def _run(
    url: str, key: str, asked: dict[str, Any], settings: tuple[str, ...]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    console = Console(stderr=True)
    async with backtests(url, key) as service:
        asked["changes"] += await _set(service, settings)
        with Progress(console=console, transient=True) as bar:
            deciding = bar.add_task("waiting for a worker", total=1.0)

            def told(answer: Mapping[str, Any]) -> None:
                what = "deciding again" if answer["status"] == "running" else "waiting for a worker"
                bar.update(deciding, completed=answer["progress"]["share"], description=what)

            answer = await service.run(asked, told)
        found = await service.examples(answer["id"]) if answer["status"] == "done" else []
        return answer, found


async def _set(service: Backtests, settings: tuple[str, ...]) -> list[dict[str, Any]]:
    """Documents as they are kept now, but for those fields."""
    found: dict[tuple[str, str], Any] = {}
    for setting in map(read_setting, settings):
        name = setting.kind, setting.key
        if name not in found:
            found[name] = await service.document(setting.path)
        found[name] = with_setting(found[name], setting.pointer, setting.value)
    return [{"kind": kind, "key": key, "body": body} for (kind, key), body in found.items()]


def _tell(answer: Mapping[str, Any], examples: list[dict[str, Any]]) -> None:
    if answer["report"] is None:
        click.echo(f"the backtest {answer['status']}: {answer['error'] or 'nothing was decided'}", err=True)
        return
    report = answer["report"]
    click.echo(headline(report))
    if not report["verified"]:
        Console().print(campaigns_table(report))
    for line in example_lines(examples[:SHOWN_EXAMPLES]):
        click.echo(line)
