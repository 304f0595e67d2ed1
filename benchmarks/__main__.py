"""`python -m benchmarks`: the obvious build and this service, the same work, in turn, durably.

Answers are checked, each of them; ceilings and a fixed schedule say what the figures are worth.
"""

import argparse
import signal
import sys

from benchmarks import report
from benchmarks.profiled import report as profiled_report
from benchmarks.profiled.run import profile
from benchmarks.rounds import MAX_ROUNDS
from benchmarks.run import COMMITTING_S, QUICK_COMMITTING_S, Plan, run
from benchmarks.telling import ending
from benchmarks.workload import Mix

ROUNDS, QUICK_ROUNDS = 5, 3
SECONDS, QUICK_SECONDS = 6.0, 3.0
SCHEDULED_SECONDS, QUICK_SCHEDULED_SECONDS = 10.0, 5.0
# Twice what a run takes on a quiet machine: a benchmark that hangs must end and say so.
LONGEST_S, LONGEST_QUICK_S = 1_800, 900


def main() -> int:
    options = _parser().parse_args()
    longest_s = LONGEST_QUICK_S if options.quick else LONGEST_S
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(longest_s)
    plan = Plan(
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
        seconds=QUICK_SECONDS if options.quick else SECONDS,
        scheduled_seconds=QUICK_SCHEDULED_SECONDS if options.quick else SCHEDULED_SECONDS,
        seed=options.seed,
        mix=Mix(options.moving),
        committing_s=QUICK_COMMITTING_S if options.quick else COMMITTING_S,
    )
    work = _profile if options.profile else _compare
    return ending("The benchmark", lambda: work(plan, as_json=options.json))


def _compare(plan: Plan, *, as_json: bool) -> int:
    result = run(plan)
    print(report.table(result))
    if as_json:
        print(report.as_json(result))
    return 0 if result.sound else 1


def _profile(plan: Plan, *, as_json: bool) -> int:
    profiles = profile(plan)
    print("\n\n".join(map(profiled_report.table, profiles)))
    if as_json:
        print(profiled_report.as_json(profiles))
    return 0 if all(one.round_.verdict.wrong == 0 for one in profiles) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under six minutes")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="say where the time of batches of 100 goes, and compare nothing",
    )
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
