"""Editing campaigns and the contact policy. Every edit holds the configuration's lock; the caller commits."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from beacon_service.campaigns import store
from beacon_service.campaigns.audience_service import reference_flaws
from beacon_service.campaigns.codes_service import pool_flaws
from beacon_service.campaigns.products_store import PRODUCTS
from beacon_service.campaigns.publishing import plan_flaws
from beacon_service.campaigns.reach import channel_flaws
from beacon_service.campaigns.unready import text_flaws
from beacon_service.configuration import service as configuration
from beacon_service.configuration import shelf as shelves
from beacon_service.configuration.changes import FieldChange, changes_between
from beacon_service.configuration.model import POLICY_KEY, Body, Edit, Edition, Entry, Saved, Stored
from beacon_service.configuration.schema import Flaw, refuse_document
from beacon_service.configuration.shelf import history
from beacon_service.configuration.store import Session, lock, record
from beacon_service.errors import Conflict, NotFound
from beacon_service.zones import store as zones

# What a campaign of a status may become: who has been told of one that ended must not be told again under its name.
BECOMES: Mapping[str | None, tuple[str, ...]] = {
    None: ("draft", "published", "paused", "ended"),
    "draft": ("draft", "published", "archived"),
    "published": ("published", "paused", "ended"),
    "paused": ("paused", "published", "ended"),
    "ended": ("ended", "archived"),
    "archived": ("archived",),
}
NO_POLICY: Body = {"caps": [], "hold_out": 0.0}


def put_campaign(session: Session, campaign: str, body: Body, edit: Edit) -> Saved:
    """Create or replace a campaign; the service counts its revision.

    Raises Invalid where its trigger names what there is not, or, once published, a sensitive zone.
    """
    lock(session)
    editions = history(session, "campaign", campaign)
    refuse_document([*_status_flaws(editions, body), *_flaws(session, body, edit.at)])
    numbered = dict(body) | {"revision": _revision(editions, body)}
    return configuration.put(session, store.CAMPAIGNS, campaign, numbered, edit)


def publishing_flaws(session: Session, body: Body, now: datetime) -> list[Flaw]:
    """All that would speak against publishing it now."""
    return list(_flaws(session, dict(body) | {"status": "published"}, now))


def clone(session: Session, campaign: str, new: str, name: str | None, edit: Edit) -> Saved:
    """A draft of its own with everything that the campaign says. Conflict where there is one of that id."""
    lock(session)
    if configuration.exists(session, store.CAMPAIGNS, new):
        raise Conflict(f"There is a campaign {new} already.")
    body = dict(configuration.require(session, store.CAMPAIGNS, campaign).body)
    body |= {"id": new, "name": name or body["name"], "status": "draft"}
    return put_campaign(session, new, {key: value for key, value in body.items() if key != "revision"}, edit)


def compare(session: Session, campaign: str, before: int, after: int) -> list[FieldChange]:
    """What changed from one revision to another; a draft's is what it came to be before it was published."""
    bodies = {
        found.body["revision"]: found.body for found in history(session, "campaign", campaign) if found.body
    }
    for revision in (before, after):
        if revision not in bodies:
            raise NotFound(f"There is no revision {revision} of a campaign {campaign}.")
    return list(changes_between(dict(bodies[before]), dict(bodies[after])))


def delete_campaign(session: Session, campaign: str, edit: Edit) -> None:
    """The ledger keeps what it gave; made anew under the same id, it goes on counting revisions."""
    lock(session)
    configuration.delete(session, store.CAMPAIGNS, campaign, edit)


def revisions(session: Session, campaign: str, *, after: int, limit: int) -> Sequence[Edition]:
    """What the campaign was, oldest first. NotFound if there never was one."""
    found = history(session, "campaign", campaign, after=after, limit=limit)
    if not found and after == 0:
        raise NotFound(f"There never was a campaign {campaign}.")
    return found


def policy(session: Session) -> Stored:
    return store.find_policy(session) or Stored(POLICY_KEY, 0, NO_POLICY)


def put_policy(session: Session, body: Body, edit: Edit) -> Saved:
    lock(session)
    # There is always a policy, if only one that binds nothing: its ETag can be asked for from the start.
    edit.precondition(policy(session).version)
    before = store.find_policy(session)
    if before is not None and before.body == body:
        return Saved(before, created=False, changed=False)
    version = record(session, [Entry("policy", POLICY_KEY, body)], actor=edit.actor, at=edit.at)
    store.save_policy(session, body, version)
    return Saved(Stored(POLICY_KEY, version, body), created=before is None, changed=True)


def _revision(editions: Sequence[Edition], body: Body) -> int:
    """One more with each change since the campaign first left its draft; a draft is edited in place.

    A number that was ever published so names one content for ever, deleted or not.
    """
    bodies = [edition.body for edition in editions if edition.body is not None]
    if not bodies:
        return 1
    newest = max(found["revision"] for found in bodies)
    last = editions[-1].body
    if last is not None and {**last, "revision": None} == {**body, "revision": None}:
        return int(last["revision"])
    was_seen = any(found["status"] != "draft" and found["revision"] == newest for found in bodies)
    return int(newest) + was_seen


def _status_flaws(editions: Sequence[Edition], body: Body) -> Iterator[Flaw]:
    before = editions[-1].body["status"] if editions and editions[-1].body is not None else None
    allowed = BECOMES[before]
    if body["status"] not in allowed:
        what = f"is {body['status']}, and a campaign that is {before or 'new'} cannot become that"
        yield Flaw(("status",), what, f"Send one of: {', '.join(allowed)}; or clone it.")


def _product_flaws(session: Session, body: Body) -> Iterator[Flaw]:
    named = {product for offer in body["offers"] for product in offer.get("products") or ()}
    known = shelves.find(session, PRODUCTS, named) if named else {}
    for number, offer in enumerate(body["offers"]):
        for place, product in enumerate(offer.get("products") or ()):
            if product not in known:
                what = f"names {product}, which there is not"
                yield Flaw(("offers", number, "products", place), what, f"PUT /v1/products/{product} first.")


def _flaws(session: Session, body: Body, now: datetime) -> Iterator[Flaw]:
    if body["status"] in {"draft", "published"}:
        yield from _product_flaws(session, body)
    yield from _trigger_flaws(session, body)
    if body["status"] in {"draft", "published"} and body.get("audience"):
        yield from reference_flaws(session, body["audience"], ("audience",))
    if body["status"] in {"draft", "published"}:
        yield from pool_flaws(session, body["offers"])
    if body["status"] == "published":
        yield from text_flaws(body["offers"], placeless=body["trigger"].get("move") is None)
        yield from plan_flaws(body, now)
        yield from channel_flaws(session, body)


def _trigger_flaws(session: Session, body: Body) -> Iterator[Flaw]:
    """What stops a campaign that is to run, or is being prepared to; paused and ended ones may outlive zones.

    An event and an absence have no place.
    """
    trigger = body["trigger"]
    if body["status"] in {"paused", "ended", "archived"} or trigger.get("move") is None:
        return
    named = [(zone["site"], zone["zone"]) for zone in trigger["zones"]]
    found = zones.traits(session, named=named, tags=trigger["tags"], site=trigger["site"])
    known = {(zone.site, zone.zone) for zone in found}
    sensitive = {(zone.site, zone.zone) for zone in found if zone.sensitive}
    for number, (site, zone) in enumerate(named):
        if (site, zone) not in known:
            what, do = f"names {site}/{zone}, which there is not", f"PUT /v1/sites/{site}/zones/{zone} first."
            yield Flaw(("trigger", "zones", number), what, do)
        elif (site, zone) in sensitive and body["status"] == "published":
            what = f"names {site}/{zone}, which is sensitive: nothing is decided there"
            yield Flaw(("trigger", "zones", number), what, "Leave it out.")
    if trigger["site"] is not None and not configuration.exists(session, zones.SITES, trigger["site"]):
        what = f"names the site {trigger['site']}, which there is not"
        yield Flaw(("trigger", "site"), what, f"PUT /v1/sites/{trigger['site']} first.")
    if body["status"] == "published":
        yield from _idle_flaws(found, trigger)


def _idle_flaws(found: Sequence[zones.ZoneTraits], trigger: Body) -> Iterator[Flaw]:
    """Whether a published trigger could never fire."""
    if trigger["zones"]:
        return
    if not found:
        what, do = "are carried by no zone", "Give a zone one of them first, or publish later."
        yield Flaw(("trigger", "tags"), what, do)
    elif all(zone.sensitive for zone in found):
        what, do = "are carried by sensitive zones only, where nothing is decided", "Name another tag."
        yield Flaw(("trigger", "tags"), what, do)
