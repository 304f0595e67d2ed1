"""`python -m benchmarks.positioning`: which zone a walker is in, by two plain methods and by this service."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.positioning import report
from benchmarks.positioning.contest import WITH_SURVEY, WITHOUT_SURVEY, play
from benchmarks.positioning.cost import measure
from benchmarks.positioning.engine import LocateError
from benchmarks.positioning.report import Table
from benchmarks.positioning.trial import Trial, folds, thinned, without_rotating
from benchmarks.positioning.walks import read_plan, read_survey, read_walks
from benchmarks.telling import complain, progress
from simulators.mall.write import write_mall
from simulators.recorded import WalksError, site_directories

DENSITIES = {0.25: "a quarter", 0.5: "half", 1.0: "all"}
STILL = "motionless"  # a folder of walks beside dev/ that is told apart: nobody moves in it


def main() -> int:
    options = _parser().parse_args()
    tables = []
    try:
        if options.cost:
            return _tell_cost(options)
        for table in _tables(options):
            tables.append(table)
            print(report.as_text(table), flush=True)
    except (WalksError, LocateError) as problem:
        complain(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(report.as_json(tables))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.positioning", description=__doc__)
    parser.add_argument(
        "data", nargs="?", type=Path, help="a site with survey/ and dev/ (default: a simulated one)"
    )
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    parser.add_argument(
        "--without-rotating",
        action="store_true",
        help="leave out identities that the survey shows to change their address",
    )
    parser.add_argument(
        "--folds",
        type=_count,
        metavar="K",
        help="find the survey's own walks again, K parts in turn, not dev/",
    )
    parser.add_argument(
        "--density", action="store_true", help="after a quarter, half and all of the survey walks"
    )
    parser.add_argument("--cost", action="store_true", help="only what learning and locating cost")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated site (default 1)")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 2:
        raise argparse.ArgumentTypeError("must be 2 or more")
    return count


def _tell_cost(options: argparse.Namespace) -> int:
    with _sites(options) as sites:
        costs = {site.name: measure(site) for site in sites}
    for name, cost in costs.items():
        print(f"{name}: {cost}")
    if options.json:
        print(json.dumps({name: asdict(cost) for name, cost in costs.items()}))
    return 0


@contextmanager
def _sites(options: argparse.Namespace) -> Iterator[tuple[Path, ...]]:
    """The sites named, or one built for the while."""
    if options.data is not None:
        yield site_directories(options.data)
        return
    with TemporaryDirectory(prefix="mall-") as name:
        site = Path(name) / "mall"
        _tell(f"building a mall of seed {options.seed}")
        write_mall(site, seed=options.seed)
        yield (site,)


def _tables(options: argparse.Namespace) -> Iterator[Table]:
    with _sites(options) as sites:
        for site in sites:
            yield from _of_site(site, options)
            if options.data is None:
                yield from _without_survey(site)


def _of_site(site: Path, options: argparse.Namespace) -> Iterator[Table]:
    whole = _read(site, "dev", options)
    trials = list(folds(whole, site / "survey", options.folds)) if options.folds else [whole]
    asked = f"{options.folds} folds of the survey" if options.folds else "dev"
    for share, told in DENSITIES.items() if options.density else [(1.0, "all")]:
        some = [thinned(trial, share) for trial in trials]
        walks = " and ".join(sorted({str(len(trial.survey.ways)) for trial in some if trial.survey}))
        title = f"{site.name}: learned from {told} of the survey, {walks} walks; asked on {asked}"
        yield Table(title, play(some, WITH_SURVEY, _tell))
    if (site / STILL).is_dir() and not options.folds:
        title = f"{site.name}: learned from all of the survey; asked on {STILL}"
        yield Table(title, play([_read(site, STILL, options)], WITH_SURVEY, _tell))


def _read(site: Path, folder: str, options: argparse.Namespace) -> Trial:
    zones = site / "zones.geojson"
    survey, walks = read_survey(site / "survey"), read_walks(site / folder)
    trial = Trial(zones, read_plan(zones), walks, survey=survey)
    return without_rotating(trial) if options.without_rotating else trial


def _without_survey(site: Path) -> Iterator[Table]:
    zones, plan = site / "zones.geojson", read_plan(site / "zones.geojson")
    for folder in ("dev", STILL):
        trial = Trial(zones, plan, read_walks(site / folder), beacons=site / "beacons.geojson")
        title = f"{site.name}: beacons where they hang, no survey; asked on {folder}"
        yield Table(title, play([trial], WITHOUT_SURVEY, _tell))


_tell: Callable[[str], None] = progress.print


if __name__ == "__main__":
    sys.exit(main())
