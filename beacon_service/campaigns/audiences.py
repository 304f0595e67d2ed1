"""Named audiences: what they say of each other, and who is in them as of one version of the configuration. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from beacon_service.campaigns.audience import Rule, compile_rule, each_test, measure, named_in
from beacon_service.campaigns.person import Predicate
from beacon_service.configuration.model import Documents

# Whatever is behind the names: a rule of a thousand tests is no longer one that a person can read.
MAX_EXPANDED = 1000


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Audiences:
    """All named audiences, and the rules of campaigns that name any: they mean what these mean."""

    rules: Mapping[str, Rule] = field(default_factory=_nothing, repr=False)
    asking: Mapping[str, Rule] = field(default_factory=_nothing, repr=False)  # by the campaign's id

    def updated(self, changes: Documents) -> "Audiences":
        """With the changes applied."""
        rules, asking = dict(self.rules), dict(self.asking)
        for key, body in changes.of("audience"):
            rules.pop(key, None)
            if body is not None:
                rules[key] = body["rule"]
        for key, body in changes.of("campaign"):
            asking.pop(key, None)
            if body is not None and body.get("audience") and named_in(body["audience"], "audience"):
                asking[key] = body["audience"]
        return Audiences(MappingProxyType(rules), MappingProxyType(asking))

    def of_campaigns(
        self, before: "Audiences", written: Collection[str] = ()
    ) -> Iterator[tuple[str, Predicate]]:
        """Yield (campaign, predicate) for each campaign that names an audience and is among those just written, or
        whose audiences rest on one that says something else than before.
        """
        edited = {name for name in self.rules.keys() | before.rules.keys() if not self._says_as(before, name)}
        asked = {
            campaign: rule
            for campaign, rule in self.asking.items()
            if campaign in written or (edited and not edited.isdisjoint(reached(rule, self.rules)))
        }
        if not asked:
            return
        wanted = {name for rule in asked.values() for name in reached(rule, self.rules)}
        named = predicates({name: self.rules[name] for name in wanted if name in self.rules})
        for campaign, rule in asked.items():
            yield campaign, compile_rule(rule, named)

    def _says_as(self, before: "Audiences", name: str) -> bool:
        return self.rules.get(name) is before.rules.get(name)


def predicates(rules: Mapping[str, Rule]) -> dict[str, Predicate]:
    """Each audience's predicate; what an audience names is compiled before it."""
    found: dict[str, Predicate] = {}

    def compile_named(name: str, within: frozenset[str]) -> None:
        if name in found or name in within or name not in rules:
            return
        for inner in sorted(named_in(rules[name], "audience")):
            compile_named(inner, within | {name})
        found[name] = compile_rule(rules[name], found)

    for name in sorted(rules):
        compile_named(name, frozenset())
    return found


def reached(rule: Rule, rules: Mapping[str, Rule]) -> set[str]:
    """The audiences that a rule rests on, through however many others; one that goes round names itself."""
    found: set[str] = set()
    waiting = [*named_in(rule, "audience")]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += named_in(rules[name], "audience") if name in rules else ()
    return found


def expanded(rule: Rule, rules: Mapping[str, Rule]) -> int:
    """How many tests a rule has with those of the audiences that it names; no audience may rest on itself."""
    if not named_in(rule, "audience"):
        return measure(rule)[1]
    return sum(
        expanded(rules[test["audience"]], rules) if test.get("audience") in rules else 1
        for _, test in each_test(rule)
    )
