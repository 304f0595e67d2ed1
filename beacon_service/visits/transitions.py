"""The table of presence: for each state of a stay and each thing that can be learned, what becomes of it.

States: `outside` (no stay is kept), `entering`, `inside`, `exiting`, and `closed`, which is `outside` again,
since a closed stay lives on in its visit and not here. What can be learned is the evidence of a ping or a
timer that is due. All that could be argued over about presence is a row of TRANSITIONS or a number above it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from beacon_service.visits.evidence import Evidence
from beacon_service.visits.model import Move, MoveType, Stay
from beacon_service.zones.model import Zone, ZoneKey

Timer = Literal["dwell_due", "hold_due", "silence_due"]
State = Literal["outside", "entering", "inside", "exiting"]

# Two pings that agree: one stray level at a border must not make an offer.
ENTER_CONFIRM = 2
# Longer apart than this they say nothing about each other: at walking pace it is a whole shop's length.
CONFIRM_WITHIN = timedelta(seconds=30)
# A hand over the phone or a fading lasts seconds; who is gone for ten has left. The exit is dated at its end.
EXIT_HOLD_S = 10
# Android scans in the background every five minutes or so; one such scan may be delayed, two missed is gone.
SILENCE_S = 420
# Nothing speaks for or against having left when a phone falls silent.
SILENT_EXIT_PROBABILITY = 0.5


class Learned(Struct, frozen=True):
    """What there is to know at one instant about one stay."""

    key: str
    at: datetime
    zone: Zone | None = None
    stay: Stay | None = None
    probability: float = 0.0
    dwells: Mapping[ZoneKey, tuple[int, ...]] = {}  # to arm besides the zone's own

    @property
    def present(self) -> Stay:
        assert self.stay is not None
        return self.stay


Outcome = tuple[Stay | None, tuple[Move, ...]]


def _ignore(_: Learned) -> Outcome:
    return None, ()


def _enter(learned: Learned) -> Outcome:
    """One unmistakable ping is enough, unless the zone asks for a number of pings of its own."""
    return _count(learned, needed=1)


def _confirm(learned: Learned) -> Outcome:
    return _count(learned, needed=ENTER_CONFIRM)


def _count(learned: Learned, needed: int) -> Outcome:
    stay, at, zone = learned.stay, learned.at, learned.zone
    if stay is None or at - stay.last_at > CONFIRM_WITHIN:
        stay = Stay(zone=learned.key, state="entering", since_at=at, last_at=at)
    elif at > stay.last_at:  # two pings of one instant are one look
        stay = replace(stay, pings=stay.pings + 1, last_at=at)
    stay = replace(stay, probability=learned.probability)
    if stay.pings < ((zone and zone.enter_confirm) or needed):
        return stay, ()
    hold_s = zone.exit_hold_s if zone and zone.exit_hold_s is not None else EXIT_HOLD_S
    stay = replace(stay, state="inside", since_at=at, dwells_s=_thresholds(learned), hold_s=hold_s)
    return stay, (_move(learned, "entered", learned.probability),)


def _thresholds(learned: Learned) -> tuple[int, ...]:
    own = learned.zone.dwell_s if learned.zone else ()
    asked = learned.dwells.get(ZoneKey(learned.key), ())
    return tuple(sorted({dwell for dwell in (*own, *asked) if dwell > 0}))


def _doubt(learned: Learned) -> Outcome:
    """An entry in doubt waits for its next ping, but not for ever."""
    stay = learned.present
    return (None if learned.at - stay.last_at > CONFIRM_WITHIN else stay), ()


def _stay(learned: Learned) -> Outcome:
    return replace(learned.present, last_at=learned.at, probability=learned.probability), ()


def _hold(learned: Learned) -> Outcome:
    """The state holds; `last_at` does not move, so seven minutes of mere doubt end a stay as silence does."""
    return replace(learned.present, probability=learned.probability), ()


def _leave(learned: Learned) -> Outcome:
    stay = replace(learned.present, state="exiting", leaving_at=learned.at, probability=learned.probability)
    return (stay, ()) if stay.hold_s > 0 else _close(Learned(learned.key, learned.at, stay=stay))


def _return(learned: Learned) -> Outcome:
    """Back inside, so it was never left: thresholds that passed meanwhile move now, when this is known."""
    stay, at = learned.present, learned.at
    passed = tuple(dwell for dwell in stay.dwells_s if stay.since_at + timedelta(seconds=dwell) <= at)
    back = replace(
        stay,
        state="inside",
        leaving_at=None,
        last_at=at,
        probability=learned.probability,
        dwells_s=stay.dwells_s[len(passed) :],
    )
    return back, tuple(_move(learned, "dwelled", learned.probability, dwell) for dwell in passed)


def _dwell(learned: Learned) -> Outcome:
    stay = learned.present
    threshold, *ahead = stay.dwells_s
    return replace(stay, dwells_s=tuple(ahead)), (_move(learned, "dwelled", stay.probability, threshold),)


def _close(learned: Learned) -> Outcome:
    return None, (_move(learned, "exited", round(1 - learned.present.probability, 4)),)


def _fall_silent(learned: Learned) -> Outcome:
    return None, (_move(learned, "exited", SILENT_EXIT_PROBABILITY),)


def _move(learned: Learned, kind: MoveType, probability: float, dwell_s: int | None = None) -> Move:
    return Move(zone=learned.key, type=kind, at=learned.at, probability=probability, dwell_s=dwell_s)


TRANSITIONS: Mapping[tuple[State, Evidence | Timer], Callable[[Learned], Outcome]] = {
    ("outside", "sure"): _enter,
    ("outside", "inside"): _confirm,
    ("outside", "doubt"): _ignore,
    ("outside", "outside"): _ignore,
    ("entering", "sure"): _enter,
    ("entering", "inside"): _confirm,
    ("entering", "doubt"): _doubt,
    ("entering", "outside"): _ignore,
    ("inside", "sure"): _stay,
    ("inside", "inside"): _stay,
    ("inside", "doubt"): _hold,
    ("inside", "outside"): _leave,
    ("inside", "dwell_due"): _dwell,
    ("inside", "silence_due"): _fall_silent,
    ("exiting", "sure"): _return,
    ("exiting", "inside"): _return,
    ("exiting", "doubt"): _hold,
    ("exiting", "outside"): _hold,
    ("exiting", "hold_due"): _close,
}
