"""`python -m benchmarks`: the obvious build and this service, the same work, in turn, durably."""

import argparse
import signal
import sys

from beacon_service.postgresql import ClusterError
from benchmarks import report
from benchmarks.rounds import MAX_ROUNDS
from benchmarks.run import Plan, progress, run
from benchmarks.servers import ServerFailed, without_paths
from benchmarks.workload import Mix

ROUNDS, QUICK_ROUNDS = 5, 3
SECONDS, QUICK_SECONDS = 8.0, 4.0
# Above what a run takes: a benchmark that hangs must end and say so.
LONGEST_S, LONGEST_QUICK_S = 900, 420


def main() -> int:
    options = _parser().parse_args()
    longest_s = LONGEST_QUICK_S if options.quick else LONGEST_S
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(longest_s)
    plan = Plan(
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
        seconds=QUICK_SECONDS if options.quick else SECONDS,
        seed=options.seed,
        mix=Mix(options.moving),
    )
    try:
        standings, ground = run(plan)
    except (ServerFailed, ClusterError, OSError) as failure:
        progress.print(f"The benchmark ended early: {without_paths(str(failure))}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        return 130
    print(report.table(standings, ground))
    if options.json:
        print(report.as_json(standings, ground))
    return 0 if report.sound(standings) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under four minutes")
    parser.add_argument(
        "--rounds", type=int, choices=range(1, MAX_ROUNDS + 1), help="rounds for each contestant"
    )
    parser.add_argument("--seed", type=int, default=1, help="which walks are walked (default 1)")
    parser.add_argument("--moving", type=_share, default=0.2, help="share of pings that enter a zone (0.2)")
    return parser


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return share


def _give_up(_signal: int, _frame: object) -> None:
    raise TimeoutError("it took longer than it ever should")


if __name__ == "__main__":
    sys.exit(main())
