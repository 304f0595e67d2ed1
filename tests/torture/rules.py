"""What binds an offer, read from the configuration as it stood in the version that its decision names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.torture.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.torture.ledger import Configuration, Grant


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound without its number. `campaign` is None where the grants of all campaigns count, those towards policy."""

    kind: str
    campaign: str | None
    subject: str
    counts: str
    window: Window
    tz: str

    @property
    def name(self) -> str:
        return f"{self.subject} {self.counts} {' '.join(map(str, self.window))}"

    def counted(self, grant: Grant) -> bool:
        """Whether the ledger's row belongs to this rule at all.

        What was held out was never sent: it counts towards that person's caps in that campaign, and nothing else.
        """
        if self.campaign is None:
            return grant.arm == "offered" and grant.policy
        return grant.campaign == self.campaign and (grant.arm == "offered" or self.subject == "customer")

    def subject_of(self, grant: Grant, customer: int) -> object:
        return {"customer": customer, "site": grant.site, "total": None}[self.subject]

    def time_zone(self, configuration: Configuration, grant: Grant) -> str:
        if self.tz != "site":
            return self.tz
        site = configuration.as_of("site", grant.site, grant.version or 0)
        return str(site["time_zone"]) if site else "UTC"


def bounds(configuration: Configuration, grant: Grant) -> Iterator[tuple[Rule, int]]:
    """Every bound that one offer had to keep, with its number."""
    if grant.arm != "offered" or grant.version is None:
        return
    body = configuration.as_of("campaign", grant.campaign, grant.version)
    if body is None:
        return
    yield from own_rules(grant.campaign, body)
    if body.get("obeys_policy", True):
        yield from policy_rules(configuration.as_of("policy", "policy", grant.version) or {})


def own_rules(campaign: str, body: Mapping[str, Any]) -> Iterator[tuple[Rule, int]]:
    """Caps and budgets of a campaign.

    What nobody reported as delivered comes back when the offer expires, so a budget counts deliveries.
    """
    for cap in body.get("caps") or ():
        yield _cap(cap, campaign if cap["scope"] == "campaign" else None), cap["limit"]
    budget = body.get("budget") or {}
    if budget.get("total") is not None:
        yield Rule("budget", campaign, "total", "delivered", Window("lifetime"), "site"), budget["total"]
    if budget.get("per_day") is not None:
        yield Rule("budget", campaign, "total", "delivered", Window("calendar"), "site"), budget["per_day"]


def policy_rules(body: Mapping[str, Any]) -> Iterator[tuple[Rule, int]]:
    for cap in body.get("caps") or ():
        yield _cap(cap, None), cap["limit"]


def _cap(cap: Mapping[str, Any], campaign: str | None) -> Rule:
    window = cap["window"]
    return Rule(
        kind="policy_cap" if campaign is None else f"{cap['subject']}_cap",
        campaign=campaign,
        subject=cap["subject"],
        counts=cap.get("counts") or "decided",
        window=Window(window["kind"], window.get("n") or 1, window.get("unit") or "day"),
        tz=cap.get("tz") or "site",
    )
