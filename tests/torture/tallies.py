"""Shared counts beside the ledger: each kept number against the grants that it stands for.

A row is named by what it counts, `cap:<owner>:<cap>:<subject>:<period>` or `budget:<campaign>:<period>`; the names
are put together here once more from the configuration and the grants. Rows of rolling windows are locks and hold
no count.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.torture.caps import counts
from tests.torture.findings import Finding
from tests.torture.rules import Rule, own_rules, policy_rules
from tests.torture.windows import stretch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.ledger import Grant, Ledger
    from tests.torture.records import Acknowledged


def tallies_agree(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """What counts within the bound and beside it (`late`) together are all that the ledger counts."""
    expected: Counter[str] = Counter()
    for rule in _kept_rules(ledger):
        for grant in ledger.grants:
            if rule.counted(grant):
                stands = sum(change for _, change in counts(ledger, rule.counts, grant))
                expected[_key(ledger, rule, grant)] += stands
    for tally in ledger.tallies:
        held = tally.used + tally.late
        if _keeps_a_count(tally.key) and held != expected[tally.key]:
            yield Finding("tally_off", f"{tally.key} says {held}, the ledger {expected[tally.key]}")


def _kept_rules(ledger: Ledger) -> set[Rule]:
    found: set[Rule] = set()
    for (kind, key), (_, bodies) in ledger.configuration.versions.items():
        for body in bodies:
            if body is not None and kind == "campaign":
                found |= {rule for rule, _ in own_rules(key, body)}
            if body is not None and kind == "policy":
                found |= {rule for rule, _ in policy_rules(body)}
    return {
        rule
        for rule in found
        if rule.subject != "customer"
        and (rule.window.kind == "lifetime" or (rule.window.kind == "calendar" and rule.window.n == 1))
    }


def _key(ledger: Ledger, rule: Rule, grant: Grant) -> str:
    period = ""
    if rule.window.kind == "calendar":
        time_zone = rule.time_zone(ledger.configuration, grant)
        period = stretch(rule.window, grant.decided_at, time_zone)[0].isoformat()
    if rule.kind == "budget":
        return f"budget:{rule.campaign}:{period or 'total'}"
    scope, owner = ("all", "*policy") if rule.campaign is None else ("campaign", rule.campaign)
    window = f"{rule.window.kind}.{rule.window.n}.{rule.window.unit}"
    subject = grant.site if rule.subject == "site" else "all"
    return f"cap:{owner}:{scope}.{rule.subject}.{rule.counts}.{window}.{rule.tz}:{subject}:{period}"


def _keeps_a_count(key: str) -> bool:
    return not any(f".{window}." in key for window in ("rolling", "visit")) and (
        ".calendar." not in key or ".calendar.1." in key
    )
