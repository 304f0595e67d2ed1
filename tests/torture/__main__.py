"""`python -m tests.torture`: kill and hammer, then recount; one line of JSON last, status 0 only if all held."""

from __future__ import annotations

import argparse
import json
import secrets
import sys

from tests.torture.run import Plan, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long the traffic runs (default: 1)")
    parser.add_argument("--json", action="store_true", help="nothing but one line of JSON on stdout")
    parser.add_argument("--seed", type=int, default=None, help="of all that is drawn here (default: random)")
    options = parser.parse_args()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    numbers = run(Plan(seconds=60 * options.minutes, seed=seed))
    if not options.json:
        print("All held." if numbers["passed"] else "Something did not hold; see above.")
    print(json.dumps(numbers))
    return 0 if numbers["passed"] else 1


sys.exit(main())
