"""Shared counts beside the ledger: each kept number against the grants that it stands for.

A row is named by what it counts, `cap:<owner>:<cap>:<subject>:<period>` or `budget:<campaign>[:of=cost]:<period>`; the names
are put together here once more from the configuration and the grants. Rows of rolling windows are locks and hold
no count. A pool's row, `codes:<pool>`, is held against the codes themselves.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.torture.caps import counts
from tests.torture.findings import Finding
from tests.torture.rules import Rule, own_bounds, policy_bounds
from tests.torture.windows import UnjudgedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.ledger import Grant, Ledger
    from tests.torture.records import Acknowledged

POOL = "codes:"


def tallies_agree(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """What counts within the bound and beside it (`late`) together are all that the ledger counts."""
    expected: Counter[str] = Counter()
    unjudged: set[str] = set()
    for rule in _kept_rules(ledger):
        for grant in ledger.grants:
            if rule.counted(grant):
                stands = sum(change for _, change in counts(ledger, rule.counts, grant))
                name = _name(rule, grant)
                try:
                    for period in _periods(ledger, rule, grant):
                        expected[name + period] += stands * rule.weight(grant)
                except UnjudgedError:
                    unjudged.add(name)
    for tally in ledger.tallies:
        held = tally.used + tally.late
        if not _keeps_a_count(tally.key) or any(tally.key.startswith(name) for name in unjudged):
            continue
        if held != expected[tally.key]:
            yield Finding("tally_off", f"{tally.key} says {held}, the ledger {expected[tally.key]}")


def pools_agree(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """A pool's row says how many codes it has and how many of them are somebody's; the ledger says who they are."""
    codes = Counter(code.pool for code in ledger.codes)
    given_out = Counter(code.pool for code in ledger.codes if code.decision_id is not None)
    pools = {code.code: code.pool for code in ledger.codes}
    standing = Counter(
        pools.get(grant.code) for grant in ledger.grants if grant.code and ledger.given_back(grant) is None
    )
    for tally in ledger.tallies:
        if not tally.key.startswith(POOL):
            continue
        pool = tally.key.removeprefix(POOL)
        held, known = (tally.used + tally.late, tally.ceiling), (given_out[pool], codes[pool])
        if held != known or held[0] != standing[pool]:
            said = f"its codes {known}, the ledger {standing[pool]} given out"
            yield Finding("tally_off", f"{tally.key} says {held}, {said}")


def _kept_rules(ledger: Ledger) -> set[Rule]:
    found: set[Rule] = set()
    for (kind, key), (_, bodies) in ledger.configuration.versions.items():
        for body in bodies:
            if body is not None and kind == "campaign":
                found |= {bound.rule for bound in own_bounds(key, body)}
            if body is not None and kind == "policy":
                found |= {bound.rule for bound in policy_bounds(body)}
    return {
        rule
        for rule in found
        if rule.subject != "customer"
        and (rule.window.kind == "lifetime" or (rule.window.kind == "calendar" and rule.window.n == 1))
    }


def _periods(ledger: Ledger, rule: Rule, grant: Grant) -> list[str]:
    if rule.window.kind == "calendar":
        return [start.isoformat() for start in rule.periods(ledger.configuration, grant)]
    return ["total" if rule.kind == "budget" else ""]


def _name(rule: Rule, grant: Grant) -> str:
    """All of the key but the period."""
    if rule.kind == "budget":
        site = f":at={grant.site}" if rule.subject == "site" else ""
        return f"budget:{rule.campaign}{site}{':of=cost' if rule.money else ''}:"
    kind, n, unit, week_start = rule.window
    window = f"{kind}.{n}.{unit}" + (f".{week_start}" if week_start else "")
    subject = grant.site if rule.subject == "site" else "all"
    about = f":offer={rule.offer}" if rule.offer is not None else ""
    definition = f"{_scope(rule)}.{rule.subject}.{rule.counts}.{window}.{rule.tz}"
    return f"cap:{rule.campaign or '*policy'}:{definition}:{subject}{about}:"


def _scope(rule: Rule) -> str:
    if rule.tag is not None:
        return f"tag={rule.tag}"
    if rule.channel is not None:
        return f"channel={rule.channel}"
    if rule.offer is not None:
        return "offer"
    return "all" if rule.campaign is None else "campaign"


def _keeps_a_count(key: str) -> bool:
    if key.startswith(POOL):
        return False
    return not any(f".{window}." in key for window in ("rolling", "visit")) and (
        ".calendar." not in key or ".calendar.1." in key
    )
