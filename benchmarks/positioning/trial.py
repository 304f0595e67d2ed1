"""Trials: what a method may learn from, and the walks on which it is then asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.positioning.walks import (
    Plan,
    Survey,
    Walks,
    of_traces,
    read_truth,
    rotating_identities,
    without,
)
from simulators.recorded import WalksError

SHUFFLED_BY = "folds of walks"  # a seed: the same walks fall into the same folds in every run


@dataclass(frozen=True, slots=True)
class Trial:
    """`zones` is the file that `plan` was read from. Of `survey` and `beacons` (a file) one is given."""

    zones: Path
    plan: Plan
    walks: Walks
    survey: Survey | None = None
    beacons: Path | None = None


def without_rotating(trial: Trial) -> Trial:
    """Nothing of identities that the survey shows to rotate, neither to learn from nor to ask with."""
    if trial.survey is None:
        return trial
    rotating = rotating_identities(trial.survey)
    return replace(
        trial,
        survey=replace(trial.survey, sightings=without(trial.survey.sightings, rotating)),
        walks=replace(trial.walks, sightings=without(trial.walks.sightings, rotating)),
    )


def folds(trial: Trial, folder: Path, count: int) -> Iterator[Trial]:
    """The survey's own walks, each found again once, learned from those that are not in its fold.

    `folder` is the survey's, since the truth beside it is needed now.
    """
    survey = _survey(trial)
    truth = read_truth(folder)
    traces = _shuffled(survey)
    if count > len(traces):
        raise WalksError(f"{len(traces)} walks in {folder} are too few for {count} folds")
    for number in range(count):
        asked = frozenset(traces[number::count])
        walks = Walks(
            of_traces(survey, asked).sightings, tuple(each for each in truth if each.trace in asked)
        )
        yield replace(trial, survey=of_traces(survey, frozenset(traces) - asked), walks=walks)


def thinned(trial: Trial, share: float) -> Trial:
    """The same question after a survey of so many of the walks; a half holds the quarter's walks too."""
    survey = _survey(trial)
    traces = _shuffled(survey)
    kept = traces[: max(1, round(share * len(traces)))]
    return replace(trial, survey=of_traces(survey, frozenset(kept)))


def _shuffled(survey: Survey) -> Sequence[str]:
    traces = sorted(survey.ways)
    Random(SHUFFLED_BY).shuffle(traces)
    return traces


def _survey(trial: Trial) -> Survey:
    if trial.survey is None:
        raise ValueError("a trial without a survey cannot be divided")
    return trial.survey
