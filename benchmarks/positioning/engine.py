"""The service's own positioning, asked as anybody would: `beacon-sim locate` on files.

It gets the moments alone: truth and waypoints of the walks that it is asked about stay here.
"""

import csv
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.positioning.scoring import Predictions
from benchmarks.positioning.trial import Trial
from benchmarks.positioning.walks import Survey
from simulators.survey import Recorded
from simulators.walkfiles import SIGHTINGS, WAYPOINTS, write_rows

MODULE = "simulators.cli"
LONGEST_S = 900


class LocateError(Exception):
    """The command ended with an error; the message is its last words."""


def locate(trial: Trial) -> Predictions:
    with TemporaryDirectory(prefix="positioning-") as name:
        folder = Path(name)
        asked, moments, answer = folder / "sightings.csv.gz", folder / "at.csv.gz", folder / "predictions.csv"
        write_sightings(asked, trial.walks.sightings)
        times = ((trace, t_ms) for trace, each in trial.walks.moments().items() for t_ms in each)
        write_rows(moments, ("trace", "t_ms"), times)
        known = _known(trial, folder / "survey")
        files = ("--sightings", str(asked), "--at", str(moments), "-o", str(answer))
        _run("locate", "--zones", str(trial.zones), *known, *files)
        return read_predictions(answer)


def _known(trial: Trial, folder: Path) -> tuple[str, str]:
    if trial.survey is None:
        return "--beacons", str(trial.beacons)
    write_survey(folder, trial.survey)
    return "--survey", str(folder)


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", MODULE, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise LocateError(f"beacon-sim {arguments[0]} took longer than {LONGEST_S} s") from None
    if done.returncode:
        raise LocateError(f"beacon-sim {arguments[0]} ended with {done.returncode}: {done.stderr.strip()}")


def write_survey(folder: Path, survey: Survey) -> None:
    write_sightings(folder / "sightings.csv.gz", survey.sightings)
    rows = (
        (trace, each.t_ms, each.floor, each.latitude, each.longitude)
        for trace, way in survey.ways.items()
        for each in way
    )
    write_rows(folder / "waypoints.csv.gz", WAYPOINTS, rows)


def write_sightings(path: Path, sightings: Iterable[Recorded]) -> None:
    rows = (
        (row.trace, row.t_ms, *row.identity, row.mac, row.tx_power_dbm, row.rssi_dbm) for row in sightings
    )
    write_rows(path, SIGHTINGS, rows)


def read_predictions(path: Path) -> Predictions:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return {(row["trace"], int(row["t_ms"])): row["zone"] for row in csv.DictReader(lines)}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise LocateError(f"beacon-sim locate wrote no rows of trace,t_ms,zone: {error!r}") from None
