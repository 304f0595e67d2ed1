"""The methods side by side, on the same walks after the same survey."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.positioning import plain
from benchmarks.positioning.engine import locate
from benchmarks.positioning.scoring import Counts, Predictions, Score, count
from benchmarks.positioning.trial import Trial
from benchmarks.positioning.walks import Plan
from simulators.recorded import read_features


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    label: str
    predict: Callable[[Trial], Predictions]


def _strongest(trial: Trial) -> Predictions:
    return plain.strongest(_homes(trial), trial.walks)


def _homes(trial: Trial) -> Mapping[str, str]:
    if trial.survey is not None:
        return plain.homes_of(trial.survey, trial.plan)
    return {} if trial.beacons is None else dict(_hung(read_features(trial.beacons), trial.plan))


def _hung(features: Sequence[Mapping[str, Any]], plan: Plan) -> Iterable[tuple[str, str]]:
    """Without a survey a beacon's zone is the one that it hangs in."""
    for feature in features:
        longitude, latitude = feature["geometry"]["coordinates"][:2]
        zone = plan.zone_at(feature["properties"]["floor"], longitude, latitude)
        for identity in feature["properties"]["identities"]:
            if identity["type"] == "mac" and zone is not None:
                yield identity["mac"], zone


def _fingerprint(trial: Trial) -> Predictions:
    if trial.survey is None:
        raise ValueError("a fingerprint needs a survey")
    return plain.fingerprint(trial.survey, trial.walks, trial.plan)


STRONGEST = Method("strongest", "strongest beacon's zone", _strongest)
FINGERPRINT = Method("fingerprint", f"kNN fingerprint, k = {plain.NEIGHBOURS}", _fingerprint)
SERVICE = Method("service", "this service", locate)
WITH_SURVEY = (STRONGEST, FINGERPRINT, SERVICE)
WITHOUT_SURVEY = (STRONGEST, SERVICE)


@dataclass(frozen=True, slots=True)
class Row:
    """`changes` counts those predicted, since nobody's phone that lies still has a ratio to true ones."""

    method: Method
    score: Score
    changes: int


def play(trials: Sequence[Trial], methods: Sequence[Method], tell: Callable[[str], None]) -> tuple[Row, ...]:
    """One row for each method; what is counted on several trials adds up."""
    return tuple(_row(method, trials, tell) for method in methods)


def _row(method: Method, trials: Sequence[Trial], tell: Callable[[str], None]) -> Row:
    total = Counts()
    for number, trial in enumerate(trials, start=1):
        tell(f"{method.label}: {number} of {len(trials)}")
        predictions = method.predict(trial)
        total.add(count(trial.walks.truth, trial.walks.heard_ms(), trial.plan.zones, predictions))
    return Row(method, Score.of(total), total.changes)
