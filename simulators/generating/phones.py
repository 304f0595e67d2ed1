"""Phones: how well each model hears, when its app may listen, and how far its clock is off.

An iPhone's app hears of beacons once a second while it is used, for about ten seconds when a region is entered, and
else nothing; it is told neither radio addresses nor advertised powers. Android scans in windows, wide ones while the
app is used and narrow ones behind; without a service in the foreground its scans stop after a while.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scan:
    """For `window_s` out of every `interval_s`."""

    window_s: float
    interval_s: float

    def shares(self, from_s: Floats, phase_s: float) -> Floats:
        """Of the seconds that begin then, how much of each is scanned."""
        return np.asarray(self._scanned_s(from_s + 1 + phase_s) - self._scanned_s(from_s + phase_s))

    def _scanned_s(self, until_s: Floats) -> Floats:
        whole, rest = np.divmod(until_s, self.interval_s)
        return np.asarray(whole * self.window_s + np.minimum(rest, self.window_s))


# Windows and intervals of Android's own scan modes (packages/modules/Bluetooth, ScanManager, 2024: low latency,
# balanced, low power with the screen off; before, these were 4096/4096, 1024/4096 and 512/5120 ms).
ALWAYS = Scan(1.0, 1.0)
LOW_LATENCY = Scan(0.1, 0.1)
BALANCED = Scan(0.183, 0.730)
LOW_POWER = Scan(0.512, 10.240)

WOKEN_S = 10.0  # what iOS gives an app when a region is entered
STOPS_SCANNING_S = 300.0  # Android, behind, without a service
STINT_S = 90.0  # for which people look at an app at a time, on average
ATTENTION = (
    2.0,
    2.0,
)  # shares of a visit with the app in the foreground: a beta distribution, half on average

# Made-up models: name, share of its platform, and what it hears more than the median one. Real models lie up to 20 dB
# apart (docs/positioning.md); of one model each phone differs by another decibel.
MODELS = {
    "ios": (
        ("Model I1", 0.2, -1.0),
        ("Model I2", 0.3, 1.0),
        ("Model I3", 0.3, 2.0),
        ("Model I4", 0.2, -3.0),
    ),
    "android": (
        ("Model A1", 0.18, 0.0),
        ("Model A2", 0.16, -6.0),
        ("Model A3", 0.16, 4.0),
        ("Model A4", 0.14, -10.0),
        ("Model A5", 0.14, 7.0),
        ("Model A6", 0.12, -3.0),
        ("Model A7", 0.10, 2.0),
    ),
}
EAR_SPREAD_DB = 1.0
ANDROID_SHARE = 0.6
SERVICE_SHARE = 0.6  # of Android apps run a service in the foreground while in the shop
BALANCED_SHARE = 0.4  # of Android apps scan in windows even while used
OS_VERSIONS = {"ios": ("17.5", "18.2", "26.0"), "android": ("13", "14", "15", "16")}
LOCALES = ("nl-NL", "nl-NL", "nl-NL", "en-GB", "de-DE")
# Clocks: most are set by the network, some by hand.
EXACT_SHARE, EXACT_S = 0.9, 0.4
LOOSE_SHARE, LOOSE_S = 0.07, 20.0
WRONG_S = (60.0, 600.0)


@dataclass(frozen=True, slots=True)
class Phone:
    """`ear_db`: what it hears more than the median phone. `ahead_s`: by how much its clock is fast."""

    platform: str
    model: str
    os_version: str
    locale: str
    ear_db: float
    used: Scan
    service: bool
    attention: float
    ahead_s: float
    phase_s: float

    @property
    def tells_addresses(self) -> bool:
        return self.platform == "android"


def draw_phone(draws: np.random.Generator) -> Phone:
    platform = "android" if draws.random() < ANDROID_SHARE else "ios"
    models = MODELS[platform]
    model, _, ear_db = models[int(draws.choice(len(models), p=[share for _, share, _ in models]))]
    narrow = draws.random() < BALANCED_SHARE
    used = ALWAYS if platform == "ios" else (BALANCED if narrow else LOW_LATENCY)
    return Phone(
        platform=platform,
        model=model,
        os_version=str(draws.choice(OS_VERSIONS[platform])),
        locale=str(draws.choice(LOCALES)),
        ear_db=ear_db + float(draws.normal(0, EAR_SPREAD_DB)),
        used=used,
        service=bool(platform == "android" and draws.random() < SERVICE_SHARE),
        attention=float(draws.beta(*ATTENTION)),
        ahead_s=_ahead_s(draws),
        phase_s=float(draws.uniform(0, 10)),
    )


def _ahead_s(draws: np.random.Generator) -> float:
    kind = draws.random()
    if kind < EXACT_SHARE:
        return float(draws.normal(0, EXACT_S))
    if kind < EXACT_SHARE + LOOSE_SHARE:
        return float(draws.normal(0, LOOSE_S))
    return float(draws.choice((-1, 1)) * draws.uniform(*WRONG_S))


@dataclass(frozen=True, slots=True)
class Attending:
    """For each second of a visit: whether the app is used, and how much of the second it listens."""

    used: NDArray[np.bool_]
    listens: Floats


def attend(phone: Phone, seconds: int, draws: np.random.Generator, *, in_hand: bool) -> Attending:
    """The app is used in stints; `in_hand`: all the time, so that there are no gaps but the radio's."""
    since = np.arange(seconds, dtype=np.float64)
    if in_hand:
        return Attending(np.ones(seconds, dtype=np.bool_), phone.used.shares(since, phone.phase_s))
    used = _stints(phone.attention, seconds, draws)
    behind = np.zeros(seconds)
    if phone.platform == "ios":
        behind[since < WOKEN_S] = 1.0
    else:
        behind[:] = LOW_POWER.shares(since, phone.phase_s)
        if not phone.service:
            behind[_since_used(used) > STOPS_SCANNING_S] = 0.0
    return Attending(used, np.where(used, phone.used.shares(since, phone.phase_s), behind))


def _stints(attention: float, seconds: int, draws: np.random.Generator) -> NDArray[np.bool_]:
    """In use and put away in turn, for times that are as long as they are by chance."""
    used = np.zeros(seconds, dtype=np.bool_)
    in_use, at_s = bool(draws.random() < attention), 0.0
    away_s = STINT_S * (1 - attention) / max(0.02, attention)
    while at_s < seconds:
        lasts_s = 1.0 + draws.exponential(STINT_S if in_use else away_s)
        used[int(at_s) : int(at_s + lasts_s)] = in_use
        in_use, at_s = not in_use, at_s + lasts_s
    return used


def _since_used(used: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Seconds since the app was last used, or since the visit began."""
    now = np.arange(len(used))
    last = np.maximum.accumulate(np.where(used, now, 0))
    return np.asarray(now - last, dtype=np.int64)
