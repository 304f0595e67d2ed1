"""A history that would have gone otherwise: the replay under a changed configuration.

Causes are those of the log. What the log cannot know, because it follows from what was changed, comes about by timers
of the replay's own: dwells and exits that no tick was logged for, moments put off by other campaigns, reservations of
offers that were not made. They go off as late as the logged ones did. What the log has a moment later is left to it.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from beacon_service.backtests.history import CameDue, Changed, Fired, Pinged, Step
from beacon_service.campaigns.decision import Reason
from beacon_service.campaigns.ledger import Outcome
from beacon_service.campaigns.waiting import after_event, event_move
from beacon_service.engine import Due, Tick
from beacon_service.ids import derived_uuid, digest
from beacon_service.pings.saving import tick_at
from beacon_service.pings.triggers import Elsewhere, elsewhere

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from uuid import UUID

    from beacon_service.backtests.decided import Decided
    from beacon_service.backtests.replay import Replay, Settled
    from beacon_service.campaigns.moment import Waiting
    from beacon_service.engine import Catalogue

# The log is known so far ahead: a timer that it has within that time is the log's.
AHEAD = timedelta(seconds=15)
# Before any logged tick was seen; half of a worker's look, and some more.
USUAL_LAG = timedelta(milliseconds=200)
# Ticks by which it is told how late timers are.
REMEMBERED = 101


@dataclass(slots=True)
class Ahead:
    """The steps of a history, of which each is told with what timers the log has soon after."""

    steps: Iterator[Step]
    fired: Counter[int] = field(default_factory=Counter)  # installations
    due: Counter[UUID] = field(default_factory=Counter)  # moments that waited
    _held: deque[Step] = field(default_factory=deque)

    def __iter__(self) -> Iterator[Step]:
        for step in self.steps:
            self._held.append(step)
            self._count(step, 1)
            while self._held[0].now < step.now - AHEAD:
                yield from self._next()
        while self._held:
            yield from self._next()

    def _next(self) -> Iterator[Step]:
        """Its own timers are ahead until it is settled."""
        step = self._held.popleft()
        yield step
        self._count(step, -1)

    def _count(self, step: Step, by: int) -> None:
        for entry in step.entries:
            if isinstance(entry, Fired):
                self.fired[entry.cause.installation_key] += by
            elif isinstance(entry, CameDue):
                self.due[entry.cause.waiting.moment.key] += by


class _Alarm(NamedTuple):
    """What goes off, and when; `number` keeps alarms of one instant apart."""

    at: datetime
    number: int
    kind: str  # tick | due | close
    about: Any


@dataclass(slots=True)
class Otherwise:
    """`changed`: campaigns that are not as they were, and so may wait for what nobody waited for.

    `moves`: whether people may move otherwise, since zones or what dwells are waited for are not as they were. Where
    they cannot, all timers are the log's, however late its workers were.
    """

    replay: Replay
    ahead: Ahead
    changed: Collection[str]
    moves: bool
    unlike: set[str] = field(default_factory=set)  # decisions that came out otherwise
    _waiting: dict[UUID, Waiting] = field(default_factory=dict)
    _decided: set[UUID] = field(default_factory=set)  # moments that waited, by a timer of its own
    _alarms: list[_Alarm] = field(default_factory=list)
    _armed: dict[int, datetime] = field(default_factory=dict)
    _lags: deque[timedelta] = field(default_factory=lambda: deque([USUAL_LAG], maxlen=REMEMBERED))
    _numbers: Iterator[int] = field(default_factory=count)

    def settle(self, step: Step, catalogue: Catalogue, before: Sequence[Decided]) -> Iterator[Settled]:
        """What comes about by itself before the step, and then the step. `before`: what was decided at it."""
        yield from self._until(step.now, catalogue)
        fitting = [fit for entry in step.entries if (fit := self._fit(entry, catalogue)) is not None]
        settled = self.replay.settle(step._replace(entries=fitting), catalogue)
        self._put_off(settled, before)
        for entry in fitting if self.moves else ():
            if isinstance(entry, (Pinged, Fired)):
                self._arm(entry.cause.installation_key)
        yield settled

    def finish(self, until: datetime, catalogue: Catalogue) -> Iterator[Settled]:
        """What comes about by itself between the last step and the end."""
        yield from self._until(until, catalogue)

    def compare(self, settled: Settled, before: Iterable[Decided]) -> None:
        """Whose offer is not the recorded one is taken to be delivered, and nothing that was reported is of it."""
        recorded = {one.decision_id: (one.campaign, one.offer_id) for one in before}
        for decision in settled.decisions:
            if decision.offer is None or recorded.get(decision.id) == (decision.campaign, decision.offer.id):
                continue
            self.unlike.add(str(decision.id))
            customer = decision.moment.customer_key
            self.replay.people.became(customer, decision.id, self.replay.counts, bits=int(Outcome.DELIVERED))
            for grant in decision.grants:
                if grant.arm == "offered":
                    self._set(grant.closes_at + self._lag, "close", (customer, decision.id, grant.campaign))

    @property
    def _lag(self) -> timedelta:
        """The median."""
        return sorted(self._lags)[len(self._lags) // 2]

    def _fit(self, entry: Any, catalogue: Catalogue) -> Any:
        """The logged cause as it applies here; None where it does not."""
        if isinstance(entry, CameDue):
            return self._fit_due(entry)
        if isinstance(entry, Fired):
            self._heed(entry)
        elif isinstance(entry, Changed) and entry.kind == "event":
            self._notice(entry, catalogue)
        elif isinstance(entry, Changed) and entry.kind == "outcome" and entry.body:
            said = [one for one in entry.body["outcomes"] if one["decision_id"] not in self.unlike]
            return entry._replace(body={"outcomes": said})
        return entry

    def _fit_due(self, entry: CameDue) -> CameDue | None:
        """A move's moment waits where it does here; what no move made waits as it did, if its campaign is the same."""
        waited = entry.cause.waiting
        own = self._waiting.pop(waited.moment.key, None)
        if waited.moment.key in self._decided:  # by a timer of its own
            return None
        if own is None and (waited.moment.zone or waited.campaign in self.changed):
            return None
        return entry._replace(cause=Due(entry.cause.installation_key, own or waited, entry.cause.seed))

    def _heed(self, entry: Fired) -> None:
        """How late the live worker was."""
        phone = self.replay.people.installations.get(entry.cause.installation_key)
        due_at = tick_at(phone.presence) if phone is not None else None
        if due_at is not None and due_at <= entry.now:
            self._lags.append(entry.now - due_at)

    def _notice(self, entry: Changed, catalogue: Catalogue) -> None:
        """What the event triggers of campaigns that are not as they were."""
        phones = self.replay.people.phones(entry.customer_key)
        for one in entry.body.get("events", ()) if phones else ():
            for campaign in catalogue.programme.triggers.after_event(one["type"]):
                if campaign.id not in self.changed:
                    continue
                key = derived_uuid("moment", "event", one["event_id"], campaign.id)
                at, seed = datetime.fromisoformat(one["at"]), _seed("event", key)
                phone = max(phones, key=lambda phone: phone.key)
                cause = Elsewhere(key, event_move(one["type"]), at, seed)
                moment = elsewhere(cause, entry.customer_key, phone.key)
                if (found := after_event(moment, campaign, entry.now)) is not None:
                    self._wait(found)

    def _put_off(self, settled: Settled, before: Sequence[Decided] = ()) -> None:
        """What waits; where it was put off live as well, the log tells when it was decided."""
        live = {
            (one.installation_key, one.zone, one.move, campaign)
            for one in before
            for campaign, reason in one.reasons.items()
            if reason == Reason.DELAYED or (reason == Reason.QUIET and campaign not in self.changed)
        }
        for told in settled.told:
            for waiting in told.waiting:
                moment = waiting.moment
                self._waiting[moment.key] = waiting
                if (moment.installation_key, moment.zone, moment.move, waiting.campaign) not in live:
                    self._wait(waiting)

    def _wait(self, waiting: Waiting) -> None:
        self._waiting[waiting.moment.key] = waiting
        self._set(waiting.due_at + self._lag, "due", waiting.moment.key)

    def _arm(self, installation: int) -> None:
        """Pings put a timer off without a new alarm: the one that is set looks again when it goes off."""
        phone = self.replay.people.installations.get(installation)
        due_at = tick_at(phone.presence) if phone is not None else None
        if due_at is None:
            return
        at, armed = due_at + self._lag, self._armed.get(installation)
        if armed is None or at < armed:
            self._armed[installation] = at
            self._set(at, "tick", installation)

    def _set(self, at: datetime, kind: str, about: Any) -> None:
        heappush(self._alarms, _Alarm(at, next(self._numbers), kind, about))

    def _until(self, now: datetime, catalogue: Catalogue) -> Iterator[Settled]:
        while self._alarms and self._alarms[0].at < now:
            alarm = heappop(self._alarms)
            settled = _GOING_OFF[alarm.kind](self, alarm, catalogue)
            if settled is not None:
                yield settled

    def _tick(self, alarm: _Alarm, catalogue: Catalogue) -> Settled | None:
        installation = alarm.about
        if self._armed.get(installation) != alarm.at:
            return None
        del self._armed[installation]
        phone = self.replay.people.installations.get(installation)
        due_at = tick_at(phone.presence) if phone is not None else None
        if phone is None or due_at is None:
            return None
        if due_at > alarm.at or self.ahead.fired[installation]:
            later = max(due_at + self._lag, alarm.at + (AHEAD if due_at <= alarm.at else timedelta(0)))
            self._armed[installation] = later
            self._set(later, "tick", installation)
            return None
        cause = Tick(installation, alarm.at - phone.presence.lag, _seed("tick", installation, due_at))
        settled = self.replay.move(catalogue, alarm.at, [cause])
        self._put_off(settled)
        self._arm(installation)
        return settled

    def _come_due(self, alarm: _Alarm, catalogue: Catalogue) -> Settled | None:
        key = alarm.about
        if key not in self._waiting:
            return None
        if self.ahead.due[key]:
            return None  # the log has it: it is decided then
        waiting = self._waiting.pop(key)
        people, moment = self.replay.people, waiting.moment
        phone = people.installations.get(moment.installation_key)
        if phone is None or phone.customer_key != people.whose(moment.customer_key):
            return None  # it went over to somebody else
        if moment.site and not phone.location:
            return None
        self._decided.add(key)
        settled = self.replay.decide_due(catalogue, alarm.at, [Due(phone.key, waiting, _seed("due", key))])
        self._put_off(settled)
        return settled

    def _close(self, alarm: _Alarm, _: Catalogue) -> Settled | None:
        customer, decision_id, campaign = alarm.about
        self.replay.people.became(customer, decision_id, self.replay.counts, closed=campaign)
        return None


_GOING_OFF = {"tick": Otherwise._tick, "due": Otherwise._come_due, "close": Otherwise._close}  # noqa: SLF001


def _seed(*parts: object) -> int:
    """Of what was never drawn: the same in each run."""
    return int.from_bytes(digest("otherwise", *parts)[:8]) >> 1
