"""What is one's alone: a customer one campaign's of a group, a code one decision's."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.torture.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.ledger import Grant, Ledger
    from tests.torture.records import Acknowledged


def groups_kept(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """Who was offered something by a campaign of a group is offered nothing by another of it.

    Where two customers turn out to be one, what the known one belonged to goes on.
    """
    speakers: dict[tuple[int, str], str] = {}
    heirs: dict[int, int] = {}
    owners = ledger.first_owners()
    merges = list(ledger.merges)
    for grant in ledger.grants:
        while merges and merges[0].seq <= grant.seq:
            merge = merges.pop(0)
            heirs[merge.origin] = merge.target
            for customer, known in [key for key in speakers if key[0] == merge.origin]:
                speakers.setdefault((merge.target, known), speakers[customer, known])
        body = ledger.configuration.as_of("campaign", grant.campaign, grant.version or 0) or {}
        group = body.get("group")
        if grant.arm != "offered" or group is None:
            continue
        owner = owners.get((grant.installation, grant.seq), grant.customer)
        first = speakers.setdefault((heirs.get(owner, owner), group), grant.campaign)
        if first != grant.campaign:
            yield Finding("group", f"{grant.decision_id} of {grant.campaign}: {group} is {first}'s")


def codes_given_once(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """A code is given again only if it is a pool's, and came back to it before: expired, and never delivered."""
    pools = {code.code: code.pool for code in ledger.codes}
    holders: dict[str, list[Grant]] = defaultdict(list)
    for grant in ledger.grants:
        for code in {grant.code, grant.shown if _takes_one(ledger, grant) else None} - {None}:
            holders[str(code)].append(grant)
    for code, grants in holders.items():
        for first, second in pairwise(grants):
            back = ledger.given_back(first) if pools.get(code) is not None else None
            if back is None or back > second.seq:
                yield Finding("code_doubled", f"{code}: {first.decision_id} and {second.decision_id}")


def codes_recorded(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """Whose a code is, the grant says, the decision says, and the code says; none is missing and none too many."""
    grants = {grant.decision_id: grant for grant in ledger.grants if grant.arm == "offered"}
    owners = {code.code: code.decision_id for code in ledger.codes}
    for code in ledger.codes:
        grant = grants.get(code.decision_id) if code.decision_id is not None else None
        if code.decision_id is not None and (grant is None or grant.code != code.code):
            yield Finding("code_torn", f"{code.code} says that it is {code.decision_id}'s")
    for grant in grants.values():
        if not _takes_one(ledger, grant):
            if grant.code is not None:
                yield Finding("code_torn", f"{grant.decision_id} has {grant.code} of an offer without codes")
        elif grant.code is None or grant.code != grant.shown:
            yield Finding("code_torn", f"{grant.decision_id} has {grant.code} and shows {grant.shown}")
        elif ledger.given_back(grant) is None and owners.get(grant.code) != grant.decision_id:
            yield Finding("code_torn", f"{grant.decision_id} has {grant.code}, which does not say so")


def _takes_one(ledger: Ledger, grant: Grant) -> bool:
    """Whether its offer gives each customer a code of their own, by the configuration."""
    body = ledger.configuration.as_of("campaign", grant.campaign, grant.version or 0) or {}
    return any(
        offer["id"] == grant.offer and offer.get("codes") is not None for offer in body.get("offers") or ()
    )
