"""`python -m tests.torture`: kill and hammer, then recount; one line of JSON last, status 0 only if all held."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from dataclasses import replace

from tests.torture.clients import LARGE
from tests.torture.run import Plan, run

# They are looked for by a recount of the whole; of a million decisions that takes its minutes.
PLANTED_IN_MANY = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long the traffic runs (default: 1)")
    parser.add_argument("--json", action="store_true", help="nothing but one line of JSON on stdout")
    parser.add_argument("--seed", type=int, default=None, help="of all that is drawn here (default: random)")
    parser.add_argument(
        "--large", action="store_true", help="four web processes, thousands of phones, in batches of forty"
    )
    options = parser.parse_args()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    plan = Plan(seconds=60 * options.minutes, seed=seed)
    if options.large:
        plan = replace(plan, web_processes=4, size=LARGE, planted=PLANTED_IN_MANY)
    numbers = run(plan)
    if not options.json:
        print("All held." if numbers["passed"] else "Something did not hold; see above.")
    print(json.dumps(numbers))
    return 0 if numbers["passed"] else 1


sys.exit(main())
