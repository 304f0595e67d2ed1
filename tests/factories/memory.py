"""The service's other shell: the same engine over dicts instead of PostgreSQL, to hold the two against each other.

Shared counts are made from its own list of grants each time, so that it also checks the tallies' bookkeeping.
"""

from dataclasses import dataclass, field

import msgspec

from beacon_service.campaigns.codes import is_pool, pool_key
from beacon_service.campaigns.ledger import IMPLIED, Grant, Outcome, Tally
from beacon_service.campaigns.moment import Memory
from beacon_service.engine import Due, Followed, Given, Ping, Tick, World, follow, settle
from beacon_service.pings.hand_out import with_codes
from beacon_service.pings.saving import tick_at
from beacon_service.pings.schema import Unreadable, parse
from beacon_service.visits.screen import corrected, measured_ms, offset_ms


class CostedGrant(Grant, frozen=True):
    """With what the database's own row says of money."""

    cost: int = 0


def tallies(grants, charges):
    """Every shared count asked for, counted anew."""
    return {key: Tally(_count(grants, charge)) for key, charge in charges.items()}


def _count(grants, charge):
    return sum(
        (grant.cost if charge.money else 1)
        for _, grant in grants
        if grant.arm == "offered"
        and (grant.campaign == charge.campaign if charge.campaign else grant.policy)
        and (charge.site is None or grant.site == charge.site)
        and (charge.after_at is None or grant.decided_at > charge.after_at)
        and (charge.start_at is None or grant.decided_at >= charge.start_at)
        and (charge.offer is None or grant.offer == charge.offer)
        and (charge.tag is None or charge.tag in grant.tags)
        and (charge.channel is None or grant.channel == charge.channel)
        and grant.counts_as(charge.counts)
    )


@dataclass
class MemoryService:
    catalogue: object
    installations: dict  # name -> Installation
    customers: dict  # key -> Customer
    seed: object
    memories: dict = field(default_factory=dict)
    grants: list = field(default_factory=list)  # (customer key, Grant)
    decided: list = field(default_factory=list)  # (decision, campaign) of each of them
    waiting: dict = field(default_factory=dict)  # key of a moment -> Waiting
    seen: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    decisions: list = field(default_factory=list)
    pools: dict = field(default_factory=dict)  # name -> codes

    def __post_init__(self):
        self.free = {pool: list(codes) for pool, codes in self.pools.items()}

    def post(self, body, now):
        """(status, reasons) of each ping, in the request's order."""
        request = parse(msgspec.json.encode(body), most_pings=1000)
        verdicts, new = [], []
        offsets = {
            name: offset_ms(one.presence.offset_ms, measured_ms(request.sent_at, now))
            for name, one in self.installations.items()
        }
        fresh = {}
        for name, ping in request.pings:
            if isinstance(ping, Unreadable):
                verdicts.append(("rejected", ("malformed",)))
                continue
            key = (name, ping.ping_id)
            known = fresh.get(key) or self.seen.get(key)
            if known is not None:
                if known != ping.content_hash:
                    verdicts.append(("rejected", ("id_reused",)))
                else:
                    verdicts.append(("duplicate", ()) if key in self.seen else ("echo", key))
                continue
            fresh[key] = ping.content_hash
            cause = Ping(
                self.installations[name].key,
                ping.ping_id,
                corrected(ping.at, offsets[name]),
                offsets[name],
                self.seed(),
                now.date().isoformat(),
                ping.sightings,
                ping.position,
            )
            new.append((key, cause))
            verdicts.append(key)
        ordered = sorted(new, key=lambda pair: (pair[1].at, pair[1].installation_key, pair[1].ping_id))
        followed, told = self._step([cause for _, cause in ordered], now)
        outcome = {}
        for (key, _), one in zip(ordered, followed, strict=True):
            outcome[key] = (one.status, one.reasons)
            if one.status != "rejected":
                self.seen[key] = fresh[key]
        self._keep(told)

        def result(verdict):
            """Of a ping said twice in one request the second is a duplicate, unless the first was not kept."""
            if verdict[0] != "echo":
                return outcome.get(verdict, verdict)
            first = outcome[verdict[1]]
            return first if first[0] == "rejected" else ("duplicate", ())

        return [result(verdict) for verdict in verdicts]

    def tick(self, now):
        due = [
            one
            for one in self.installations.values()
            if (at := tick_at(one.presence)) is not None and at <= now
        ]
        due.sort(key=lambda one: (tick_at(one.presence), one.key))
        causes = [Tick(one.key, now - one.presence.lag, self.seed()) for one in due]
        self._keep(self._step(causes, now)[1])
        self._decide_due(now)

    def _decide_due(self, now):
        due = sorted(
            (one for one in self.waiting.values() if one.due_at <= now),
            key=lambda one: (one.due_at, one.moment.customer_key),
        )
        causes = [Due(one.moment.installation_key, one, self.seed()) for one in due]
        self._keep(self._settle([Followed(cause, "accepted") for cause in causes], now))
        for one in due:
            del self.waiting[one.moment.key]

    def report(self, phone, outcome, now):
        """What became of the last offer that the phone was made."""
        key = self.installations[phone].key
        made = [one for one in self.decisions if one.offer and one.moment.installation_key == key]
        for place, (owner, grant) in enumerate(self.grants):
            if self.decided[place] == (made[-1].id, grant.campaign):
                bits = grant.outcomes | IMPLIED[Outcome.named(outcome)]
                self.grants[place] = owner, msgspec.structs.replace(grant, outcomes=bits)

    def _step(self, causes, now):
        followed, presences = follow(self.catalogue, self._world(), causes, now)
        told = self._settle(followed, now)
        for name, one in self.installations.items():
            presence = presences.get(one.key, one.presence)
            self.installations[name] = msgspec.structs.replace(one, presence=presence)
        return followed, told

    def _settle(self, followed, now):
        given = Given(now, self.catalogue, self.seed)
        told, memories = settle(given, self._world(), followed, self._tallies, self._give_codes)
        self.memories |= memories
        for decision in (decision for one in told for decision in one.decisions):
            for grant in decision.grants:
                self.grants.append((decision.moment.customer_key, _ledger_row(decision, grant, now)))
                self.decided.append((decision.id, grant.campaign))
        return told

    def _world(self):
        return World(
            installations={one.key: one for one in self.installations.values()},
            customers=self.customers,
            memories={key: self.memories.get(key, Memory()) for key in self.customers},
            ledgers={key: [grant for owner, grant in self.grants if owner == key] for key in self.customers},
        )

    def _tallies(self, charges):
        counted = tallies(self.grants, {key: one for key, one in charges.items() if not is_pool(key)})
        left = {pool_key(pool): (len(codes), len(self.free[pool])) for pool, codes in self.pools.items()}
        return counted | {
            key: Tally(all_ - free, all_) for key, (all_, free) in left.items() if key in charges
        }

    def _give_codes(self, told):
        codes = {}
        for decision in (decision for one in told for decision in one.decisions if decision.offer):
            if decision.offer.pool is not None:
                codes[decision.id] = self.free[decision.offer.pool].pop(0)
        return with_codes(told, codes)

    def _keep(self, told):
        self.events += [event for one in told for event in one.events]
        self.decisions += [decision for one in told for decision in one.decisions]
        self.waiting |= {put_off.moment.key: put_off for one in told for put_off in one.waiting}


def _ledger_row(decision, grant, now):
    offered = grant.arm == "offered"
    about = grant.offer_id, grant.tags, grant.channel, grant.cost
    return CostedGrant(grant.campaign, grant.arm, decision.moment.site, grant.policy, now, offered, 0, *about)
