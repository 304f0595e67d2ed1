"""`python -m benchmarks.soak`: whether web processes, worker and database stay as they are under a load that goes on.

First it is measured how many single pings a second they answer at most; then phones send half as many, every answer is
checked, and the worker fires silences and closes reservations (offers expire after five minutes). Every half minute it
is noted what each process has in memory, how long pings took from when they were due, and how large tables are and how
much in them is dead. The verdict: no process grows, the last third is as fast as the first, no table holds more than
its rows need. The exit status is 0 only if all that is certain; a line of JSON comes last.
"""

import argparse
import sys

from benchmarks.soak import report
from benchmarks.soak.run import Soak
from benchmarks.telling import ending


def main() -> int:
    options = _parser().parse_args()
    soak = Soak(options.minutes * 60, options.every, options.web, options.rate)
    early = ending("The soak", soak.all)
    print(report.text(soak))
    print(report.as_json(soak))
    return early or report.status(soak.verdicts, soak.wrong)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=_positive, default=30.0, help="how long phones send (default 30)")
    parser.add_argument(
        "--rate", type=_positive, help="pings a second (default: half of what can be answered)"
    )
    parser.add_argument(
        "--web", type=int, default=2, choices=range(1, 17), metavar="N", help="web processes (default 2)"
    )
    parser.add_argument("--every", type=_positive, default=30.0, help="seconds between samples (default 30)")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
