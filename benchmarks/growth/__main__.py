"""`python -m benchmarks.growth`: what a ping costs as zones, customers, the ledger and web processes grow.

One factor at a time from the smallest size, and all at their largest together. `small` takes a couple of minutes and
is for trying; `medium` goes to a million customers and ten million decisions; `full` to a hundred thousand zones, five
million customers and fifty million decisions, for which it takes hours and tens of gigabytes. A size for which there is
no room is left out, and said to be.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.growth import report
from benchmarks.growth.disk import GB
from benchmarks.growth.plot import svg
from benchmarks.growth.run import Run
from benchmarks.growth.sizes import COURSES
from benchmarks.telling import complain, ending


def main() -> int:
    options = _parser().parse_args()
    if options.plot is not None and not options.plot.parent.is_dir():
        complain(f"The plot cannot be written: there is no directory {options.plot.parent}")
        return 2
    run = Run(COURSES[options.sizes], round(options.disk_gb * GB))
    status = ending("The measuring", run.all)
    if run.results:
        _tell(run, options)
    return status or (0 if report.sound(run.results) else 1)


def _tell(run: Run, options: argparse.Namespace) -> None:
    print(report.table(run.results, run.per, run.snapshot))
    if options.plot is not None:
        options.plot.write_text(svg(report.panels(run.results)))
    if options.json:
        print(report.as_json(run.results, run.per, run.snapshot, options.sizes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument(
        "--sizes", choices=sorted(COURSES), default="small", help="how far it goes (default small)"
    )
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a plot there, as SVG")
    parser.add_argument(
        "--disk-gb", type=float, default=40.0, help="leave out what takes more disk (default 40)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
