"""Editing named audiences and lists, and asking who is in them. The caller commits."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from beacon_service.campaigns import audience_store as store
from beacon_service.campaigns.audience import Path, Rule, each_test, named_in, place_of
from beacon_service.campaigns.audience_sql import Condition, condition
from beacon_service.campaigns.audiences import MAX_EXPANDED, expanded, predicates, reached
from beacon_service.configuration import service as configuration
from beacon_service.configuration.model import Body, Edit, Saved
from beacon_service.configuration.schema import Flaw, refuse_document
from beacon_service.configuration.store import Session, lock
from beacon_service.customers import lists_store
from beacon_service.db import Connection
from beacon_service.errors import Conflict, NotFound
from beacon_service.zones import store as zones

# Enough to begin with; a thousand names are no sentence.
MOST_LISTED = 10


def put_audience(session: Session, audience: str, body: Body, edit: Edit) -> Saved:
    """Create or replace an audience. Raises Invalid where it names what there is not, or itself."""
    lock(session)
    refuse_document(_audience_flaws(session, audience, body["rule"]))
    return configuration.put(session, store.AUDIENCES, audience, body, edit)


def delete_audience(session: Session, audience: str, edit: Edit) -> None:
    """Raises Conflict while another audience or a published campaign rests on it."""
    lock(session)
    _refuse_used(session, "audience", audience)
    configuration.delete(session, store.AUDIENCES, audience, edit)


def put_list(session: Session, name: str, body: Body, edit: Edit) -> Saved:
    lock(session)
    return configuration.put(session, store.LISTS, name, body, edit)


def delete_list(session: Session, connection: Connection, name: str, edit: Edit) -> None:
    """Raises Conflict while an audience or a published campaign asks for it, or somebody is on it."""
    lock(session)
    configuration.require(session, store.LISTS, name)
    _refuse_used(session, "list", name)
    if lists_store.page(connection, name, after="", limit=1):
        raise Conflict(
            f"Somebody is still on the list {name}. "
            f"Take them off with DELETE /v1/lists/{name}/customers; then delete it."
        )
    configuration.delete(session, store.LISTS, name, edit)


def reference_flaws(session: Session, rule: Rule, path: Path = ()) -> Iterator[Flaw]:
    """What a rule names that there is not; the caller holds the configuration's lock."""
    audiences = store.audiences(session)
    rules = {name: body["rule"] for name, body in audiences.items()}
    yield from _unknown(session, rule, path, rules)
    if expanded(rule, rules) > MAX_EXPANDED:
        what = f"has more than {MAX_EXPANDED} tests with those of the audiences that it names"
        yield Flaw(path, what, "Name fewer of them, or make them smaller.")


def resolved(session: Session, rule: Rule, now: datetime) -> Condition:
    """The rule as a condition on customers, the audiences that it names put in."""
    rules = {name: body["rule"] for name, body in store.audiences(session).items()}
    return condition(rule, now, rules)


def audiences_of(
    session: Session, connection: Connection, customer_id: str, now: datetime
) -> tuple[list[Body], Sequence[str]]:
    """(the audiences that the customer is in, by id; the lists that they are on)."""
    person = store.find_person(connection, customer_id, now)
    if person is None:
        raise NotFound(f"There is no customer {customer_id}.")
    bodies = store.audiences(session)
    holds = predicates({name: body["rule"] for name, body in bodies.items()})
    return [bodies[name] for name in sorted(bodies) if holds[name](person)], tuple(person.lists)


def _audience_flaws(session: Session, audience: str, rule: Rule) -> Iterator[Flaw]:
    path: Path = ("rule",)
    before = {name: body["rule"] for name, body in store.audiences(session).items()}
    rules = {**before, audience: rule}
    unknown = list(_unknown(session, rule, path, rules))
    yield from unknown
    if audience in reached(rule, rules):
        for place, test in each_test(rule, path):
            if "audience" in test and audience in {test["audience"], *reached(test, rules)}:
                what = f"goes round in a circle: {test['audience']} rests on {audience} itself"
                yield Flaw((*place, "audience"), what, "Leave it out, or let that one name others.")
        return
    large = [name for name in sorted(rules) if expanded(rules[name], rules) > MAX_EXPANDED]
    if large:
        what = f"makes {_listed(large)} have more than {MAX_EXPANDED} tests in all"
        yield Flaw(path, what, "Name fewer audiences, or make them smaller.")


def _unknown(session: Session, rule: Rule, path: Path, rules: Mapping[str, Rule]) -> Iterator[Flaw]:
    for place, test in each_test(rule, path):
        if "audience" in test and test["audience"] not in rules:
            name = test["audience"]
            yield Flaw(
                (*place, "audience"), f"is {name}, which there is not", f"PUT /v1/audiences/{name} first."
            )
        if "list" in test and not configuration.exists(session, store.LISTS, test["list"]):
            name = test["list"]
            yield Flaw((*place, "list"), f"is {name}, which there is not", f"PUT /v1/lists/{name} first.")
        for kind in ("visits", "last_visit"):
            if kind in test:
                yield from _unknown_place(session, test[kind], (*place, kind))


def _unknown_place(session: Session, where: Rule, path: Path) -> Iterator[Flaw]:
    name = place_of(where)
    if "site" in where:
        if not configuration.exists(session, zones.SITES, name):
            yield Flaw((*path, "site"), f"is {name}, which there is not", f"PUT /v1/sites/{name} first.")
        return
    site, zone = name.split("/")
    found = zones.traits(session, named=[(site, zone)], tags=(), site=None)
    if not found:
        do = f"PUT /v1/sites/{site}/zones/{zone} first."
        yield Flaw((*path, "zone"), f"is {name}, which there is not", do)
    elif found[0].sensitive:
        what = f"is {name}, which is sensitive: nobody's visits to it are remembered"
        yield Flaw((*path, "zone"), what, "Leave it out.")


def _refuse_used(session: Session, kind: str, name: str) -> None:
    """Raise Conflict while a rule that is in use names it."""
    rules = {key: body["rule"] for key, body in store.audiences(session).items()}
    audiences = [key for key in sorted(rules) if name in named_in(rules[key], kind)]
    campaigns = [
        campaign
        for campaign, rule in sorted(store.published_rules(session).items())
        if name in named_in(rule, kind)
        or any(name in named_in(rules.get(one, rule), kind) for one in reached(rule, rules))
    ]
    if audiences or campaigns:
        users = [
            f"{what} {_listed(names)}"
            for what, names in (("audiences", audiences), ("published campaigns", campaigns))
            if names
        ]
        raise Conflict(
            f"The {kind} {name} is asked for by {' and '.join(users)}. Let them ask for something else; then delete it."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_LISTED])
    return shown if len(names) <= MOST_LISTED else f"{shown} and {len(names) - MOST_LISTED} more"
