"""The second pass: what is said. Join stays into visits, make the moments, decide each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from beacon_service.campaigns.caps import Clocks
from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.decision import Decision, Reason
from beacon_service.campaigns.ledger import Grant
from beacon_service.campaigns.model import Campaign
from beacon_service.campaigns.moment import Memory, Moment, Waiting
from beacon_service.campaigns.question import Question
from beacon_service.campaigns.shared import Shared
from beacon_service.campaigns.waiting import ABSENCE, delayed, event_move, held
from beacon_service.customers.model import Installation
from beacon_service.engine.asking import Known, question_of, spot_of
from beacon_service.engine.model import Catalogue, Due, Event, Followed, Mover, Told, World
from beacon_service.engine.moments import event_of, moment_of, name_of
from beacon_service.engine.nearing import APPROACHED, is_still_near, joined, moment_near
from beacon_service.ids import derived_uuid
from beacon_service.positioning.rings import zone_of_ring
from beacon_service.visits.join import join
from beacon_service.visits.model import Move, Nearing, Visit
from beacon_service.zones.model import Located, Zone, ZoneKey, split_zone_key, zone_key
from beacon_service.zones.tagged import Spot

_NOTHING_TOLD = Told()


def choose(
    catalogue: Catalogue,
    world: World,
    followed: Sequence[Followed],
    now: datetime,
    shared: Shared,
) -> tuple[tuple[Told, ...], dict[int, Memory]]:
    """Join stays into visits, make the moments and decide them, in order; claims shared counts in `shared`."""
    second = _SecondPass(catalogue, world, now, shared)
    return tuple(second.tell(one) for one in followed), second.memories


def ask(catalogue: Catalogue, world: World, moment: Moment, now: datetime, shared: Shared) -> Decision:
    """What would be decided at a moment that may never be: nobody moved, and nothing is remembered of it."""
    second = _SecondPass(catalogue, world, now, shared, dict(world.memories))
    zone = catalogue.places.zones[zone_key(moment.site, moment.zone)]
    silent = zone.sensitive or second.is_in_sensitive_zone(moment.customer_key)
    candidates = () if silent else catalogue.programme.triggers.candidates(zone, moment.move, moment.measure)
    return decide(second.question(zone, moment), candidates)


class _Chance(NamedTuple):
    """A moment at which some campaigns may speak."""

    zone: Zone
    moment: Moment
    candidates: Sequence[Campaign]
    spot: Spot | None  # where the ping was that it came of


@dataclass(slots=True)
class _SecondPass:
    """The running state of the second pass; nothing of it outlives the call."""

    catalogue: Catalogue
    world: World
    now: datetime
    shared: Shared
    memories: dict[int, Memory] = field(default_factory=dict)
    granted: dict[int, list[Grant]] = field(default_factory=dict)
    clocks: Clocks = field(default_factory=Clocks)

    def tell(self, one: Followed) -> Told:
        if isinstance(one.cause, Due):
            return self._tell_due(one.cause)
        if not one.moves and not one.near:
            return _NOTHING_TOLD
        installation = self.world.installations[one.cause.installation_key]
        events: list[Event] = []
        chances: list[_Chance] = []
        for move, made_by in one.moves:
            visit, site_visit = self._join(installation.customer_key, move)
            zone = self.catalogue.places.zones.get(ZoneKey(move.zone))
            # Of a zone deleted since the stay began nobody is told any more, of a sensitive one nobody ever, and of
            # a phone whose consent was withdrawn nothing: its stays only run out.
            if zone is None or zone.sensitive or not installation.location:
                continue
            event = event_of(installation, one.cause, move, made_by, self.now)
            events.append(event)
            if visit is None:
                continue
            candidates = self.catalogue.programme.triggers.candidates(zone, move.type, move.dwell_s)
            if candidates:
                moment = moment_of(event, one.cause, visit, site_visit)
                spot = spot_of(zone, one.located) if made_by == "ping" else None
                chances.append(_Chance(zone, moment, candidates, spot))
        for nearing in one.near:
            chances += self._come_near(installation, one.cause, nearing, one.located)
        if not chances or self.is_in_sensitive_zone(installation.customer_key):
            return Told(tuple(events))
        return self._decide_all(tuple(events), chances)

    def _tell_due(self, cause: Due) -> Told:
        """Decide for the one campaign that waited; where nothing may be decided any more the moment is gone."""
        installation, waiting = self.world.installations[cause.installation_key], cause.waiting
        key = installation.customer_key
        self.memories.setdefault(key, self.world.memories[key])
        moment = msgspec.structs.replace(waiting.moment, customer_key=key, installation_key=installation.key)
        zone = self.catalogue.places.zones.get(zone_key(moment.site, moment.zone)) if moment.zone else None
        campaign = self.catalogue.programme.campaigns.get(waiting.campaign)
        if (
            campaign is None
            or not self._still_triggers(campaign, moment, zone)
            or self.is_in_sensitive_zone(key)
            or (moment.zone and (zone is None or zone.sensitive))
        ):
            return _NOTHING_TOLD
        question = msgspec.structs.replace(
            self.question(zone, moment),
            good_until=waiting.good_until,
            still_so=not waiting.still_there or self._still_so(moment),
        )
        decision = decide(question, [campaign])
        self._remember(decision)
        return Told((), (decision,), held(question, [campaign], decision, still_there=waiting.still_there))

    def _still_triggers(self, campaign: Campaign, moment: Moment, zone: Zone | None) -> bool:
        """Whether the campaign, as it is now, speaks of such moments at all: an edit binds what waits as well."""
        if zone is not None:
            found = self.catalogue.programme.triggers.candidates(zone, moment.move, moment.measure)
            return any(one.id == campaign.id for one in found)
        if campaign.trigger.event is not None:
            return moment.move == event_move(campaign.trigger.event)
        return campaign.trigger.absent_days is not None and moment.move == ABSENCE

    def _still_so(self, moment: Moment) -> bool:
        """Whether the customer is still in the zone, or near it; or, of an absence, still away."""
        visits = self.memories[moment.customer_key].visits
        if moment.within_m is not None:
            zone = self.catalogue.places.zones[zone_key(moment.site, moment.zone)]
            return is_still_near(self.memories[moment.customer_key], zone, moment.within_m)
        if moment.zone:
            visit = visits.get(zone_key(moment.site, moment.zone))
            return visit is not None and visit.open > 0
        return all(visit.open == 0 and (visit.left_at or moment.at) <= moment.at for visit in visits.values())

    def _join(self, customer_key: int, move: Move) -> tuple[Visit | None, Visit]:
        """Counts the move into the visits to its zone and its site: (the zone's if it is a moment, the site's)."""
        memory = self.memories.get(customer_key) or self.world.memories[customer_key]
        visits = dict(memory.visits)
        site, _ = split_zone_key(ZoneKey(move.zone))
        visit, is_moment = join(visits, move.zone, move)
        site_visit = visits.get(site) if move.type == "dwelled" else join(visits, site, move)[0]
        visits[move.zone], visits[site] = visit, site_visit or visit
        zone = self.catalogue.places.zones.get(ZoneKey(move.zone))
        if move.type == "exited" and (zone is None or zone.sensitive):
            del visits[move.zone]
        self.memories[customer_key] = msgspec.structs.replace(memory, visits=visits)
        return visit if is_moment else None, visits[site]

    def _come_near(
        self, installation: Installation, cause: Mover, nearing: Nearing, located: Located
    ) -> list[_Chance]:
        """Counts what moved of a ring; the chance that it makes, if somebody came near whom campaigns wait for."""
        key, (around, within_m) = installation.customer_key, zone_of_ring(nearing.move.zone)
        zone = self.catalogue.places.zones.get(around)
        memory = self.memories.get(key) or self.world.memories[key]
        self.memories[key], coming = joined(memory, nearing, zone)
        if coming is None or zone is None or zone.sensitive or not installation.location:
            return []
        candidates = self.catalogue.programme.triggers.candidates(zone, APPROACHED, within_m)
        if not candidates:
            return []
        name = derived_uuid("moment", *name_of(cause, "ping", nearing.move))
        moment = moment_near(name, installation, cause, memory, coming)
        return [_Chance(zone, moment, candidates, spot_of(zone, located))]

    def is_in_sensitive_zone(self, customer_key: int) -> bool:
        """Whether a phone of the customer is in one: then nothing is decided, whatever zone a campaign names."""
        sensitive = self.catalogue.places.sensitive
        visits = self.memories[customer_key].visits
        return bool(sensitive) and any(visits[place].open for place in visits.keys() & sensitive)

    def _decide_all(self, events: tuple[Event, ...], chances: Sequence[_Chance]) -> Told:
        """Deepest zone first, those one is near last; at most one offer for all of them; what is delayed waits."""
        decisions: list[Decision] = []
        waiting: list[Waiting] = []
        offered = any_held = False
        for zone, moment, candidates, spot in sorted(chances, key=_turn):
            question = self.question(zone, moment, spot)
            later = [campaign for campaign in candidates if campaign.trigger.delay]
            now = [campaign for campaign in candidates if not campaign.trigger.delay]
            if offered:
                lost = {campaign.id: Reason.ONE_PER_PING.value for campaign in now}
                decision = msgspec.structs.replace(decide(question, ()), reasons=lost)
            else:
                decision = decide(question, now)
                # As one ping brings at most one offer, it holds at most one.
                waiting += () if any_held else held(question, now, decision)
                any_held = any_held or bool(waiting)
            if later:
                put_off, reasons = delayed(question, later)
                waiting += put_off
                decision = msgspec.structs.replace(decision, reasons={**decision.reasons, **reasons})
            self._remember(decision)
            offered = offered or decision.offer is not None
            decisions.append(decision)
        return Told(events, tuple(decisions), tuple(waiting))

    def question(self, zone: Zone | None, moment: Moment, spot: Spot | None = None) -> Question:
        """All that is known at the moment, what this step has granted so far included."""
        key = moment.customer_key
        ledger = (*self.world.ledgers.get(key, ()), *self.granted.get(key, ()))
        customer, installation = self.world.customers[key], self.world.installations[moment.installation_key]
        known = Known(customer, installation, self.memories[key], ledger, self.now, self.shared, self.clocks)
        return question_of(self.catalogue, known, zone, moment, spot)

    def _remember(self, decision: Decision) -> None:
        """Later moments of the same step see what this one granted."""
        if not decision.grants:
            return
        key = decision.moment.customer_key
        memory = self.memories[key]
        arms = {grant.campaign: grant.arm for grant in decision.grants if grant.campaign in decision.draws}
        groups = self._groups(decision)
        if arms or groups:
            self.memories[key] = msgspec.structs.replace(
                memory, arms={**memory.arms, **arms}, groups={**memory.groups, **groups}
            )
        self.granted.setdefault(key, []).extend(
            Grant(
                campaign=grant.campaign,
                arm=grant.arm,
                site=decision.moment.site,
                policy=grant.policy,
                decided_at=self.now,
                open=grant.arm == "offered",
                outcomes=0,
                offer=grant.offer_id,
                tags=grant.tags,
                channel=grant.channel,
            )
            for grant in decision.grants
        )

    def _groups(self, decision: Decision) -> dict[str, str]:
        """Whoever speaks first of a group has the customer; being held out by it is an assignment too."""
        campaigns = [self.catalogue.programme.campaigns[grant.campaign] for grant in decision.grants]
        return {campaign.group: campaign.id for campaign in campaigns if campaign.group is not None}


def _turn(chance: _Chance) -> tuple[bool, int, int]:
    """What one is in says more than what one is near; of that, the nearest says most."""
    within_m = chance.moment.within_m
    return within_m is not None, -chance.zone.depth, within_m or 0
