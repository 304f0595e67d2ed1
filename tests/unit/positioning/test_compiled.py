"""The machine code works out what the same sentences in plain numpy do."""

import numpy as np
import pytest

from beacon_service.positioning import compiled
from beacon_service.positioning.belief import MOST_CELLS, WEIGHT_STEPS, WEIGHTS
from tests.factories.surveyed import radio_map

CLOSE = {"rtol": 1e-4, "atol": 1e-7}


@pytest.fixture(scope="module")
def known():
    return radio_map()


@pytest.fixture
def random():
    return np.random.default_rng(7)


def spread(known, weights, reach_m, climbing):
    """From each column to each, by how far apart their cells are: what the steps on the field stand for."""
    x, y = known.middles.T
    away = np.hypot(x[:, None] - x, y[:, None] - y) / reach_m
    shares = np.where(away < 3.7, np.exp(-0.5 * away**2), 0.0)
    line = np.arange(-10, 11) * known.lattice.step_m / reach_m
    plane = np.hypot(line[:, None], line)
    climbs = climbing * np.exp(-0.5 * plane[plane < 3.7] ** 2).sum()
    storeys = np.abs(known.floors[:, None] - known.floors)
    return np.where(storeys == 0, shares, np.where((storeys == 1) & (away < 1e-9), climbs, 0.0)) @ weights


def test_who_walks_goes_around_and_who_rests_stays(known, random):
    cells = len(known.cells)
    some = np.sort(random.choice(cells, 9, replace=False)).astype("<u2")
    walking_steps, resting_steps = (random.integers(0, 200, len(some), np.uint8) for _ in range(2))
    staying, stopping, astray, reach_m, climbing = 0.8, 0.005, 0.01, 4.0, 0.01
    walking, resting, stayed, stopped = compiled.moved(
        some,
        walking_steps,
        resting_steps,
        WEIGHTS,
        staying,
        stopping,
        astray,
        known.walkable,
        known.walkable_within(reach_m),
        known.prior,
        known.field.places,
        known.field.columns,
        *known.steps_around(reach_m, climbing),
    )

    total = WEIGHTS[walking_steps].sum() + WEIGHTS[resting_steps].sum()
    walked, rested = np.zeros(cells), np.zeros(cells)
    walked[some], rested[some] = WEIGHTS[walking_steps] / total, WEIGHTS[resting_steps] / total
    leaving = walked * (1 - stopping) + rested * (1 - staying)
    arrived = known.walkable * spread(known, leaving / known.walkable_within(reach_m), reach_m, climbing)
    np.testing.assert_allclose(resting, rested * staying + walked * stopping, **CLOSE)
    mass = leaving.sum()
    expected = arrived * mass * (1 - astray) / arrived.sum() + known.prior * mass * astray
    np.testing.assert_allclose(walking, expected, **CLOSE)
    assert (stayed, stopped) == pytest.approx((rested.sum() * staying, walked.sum() * stopping), rel=1e-4)
    assert walking.sum() + resting.sum() == pytest.approx(1.0, rel=1e-4)


def test_prints_are_alike_by_the_cosine_between_them(known):
    rows, levels = np.array([2, 0]), np.array([0.8, 0.6], np.float32)
    cut, unlikeness, reach_m = 0.6, 0.17, 4.0
    near, usual = compiled.recognised(
        rows,
        levels,
        *known.postings,
        known.print_columns,
        known.field.places,
        known.field.columns,
        *known.steps_around(reach_m, 0.0),
        cut,
        unlikeness,
    )

    prints = known.prints.astype(float)
    likeness = levels @ (prints / np.sqrt((prints**2).sum(axis=0)))[rows]
    weights = np.where(likeness > max(0.0, likeness.max() - cut), np.exp((likeness - 1) / unlikeness), 0.0)
    by_cell = np.bincount(known.print_columns, weights, minlength=len(known.cells))
    np.testing.assert_allclose(near, spread(known, by_cell, reach_m, 0.0), **CLOSE)
    assert usual == pytest.approx(weights.mean(), rel=1e-4)
    assert near.max() > 0


def test_what_is_impossible_is_left_out(random):
    walking, resting, near, rarity = (random.random(50, np.float32) ** 4 for _ in range(4))
    columns, likelihood = compiled.possible(walking, resting, near, rarity, 0.01, 0.1)

    alike = np.sqrt((near + 0.01) * rarity)
    weighed = (walking + resting) * alike
    expected = np.flatnonzero(weighed > 0.1 * weighed.max())
    assert 0 < len(expected) < 50
    assert columns.tolist() == expected.tolist()
    np.testing.assert_allclose(likelihood, alike[expected], **CLOSE)


def test_what_is_heard_lies_between_two_levels(random):
    surprise = random.integers(0, 255, (5, 9, 30), np.uint8)
    rows, below, above = np.array([4, 1]), np.array([0, 7]), np.array([0.25, 1.0], np.float32)
    columns = np.array([3, 8, 29])
    found = compiled.heard(surprise, rows, below, above, columns, 0.01)

    steps = 0.75 * surprise[4, 0, columns] + 0.25 * surprise[4, 1, columns] + surprise[1, 8, columns]
    np.testing.assert_allclose(found, np.exp((steps.min() - steps) * 0.01), **CLOSE)


@pytest.mark.parametrize("news", [1.0, 0.3, 0.003])
def test_rest_is_redistributed_by_its_news_and_weighs_as_much(random, news):
    resting, likelihood = (random.random(40, np.float32) for _ in range(2))
    resting[::3] = 0.0
    found = compiled.settled(resting, likelihood, 0.001, news)

    told = likelihood + 0.001 * likelihood.max()
    powered = resting * told**news
    np.testing.assert_allclose(found, powered * (resting @ told) / powered.sum(), **CLOSE)
    assert compiled.settled(np.zeros(3, np.float32), likelihood[:3], 0.001, news).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("columns", "power"), [(50, 4), (400, 4), (400, 0), (400, 200), (1, 1)])
def test_the_heaviest_are_kept_and_add_up_to_one(random, columns, power):
    walking = random.random(columns).astype(np.float32) ** power
    resting = random.random(columns).astype(np.float32) ** power * np.float32(0.3)
    found, parts = compiled.likeliest(walking, resting, MOST_CELLS, WEIGHT_STEPS)

    weights = walking + resting
    steps = (WEIGHT_STEPS * np.log(weights.max() / np.maximum(weights.astype(float), 1e-40))).astype(int)
    assert 0 < len(found) <= MOST_CELLS
    assert (np.diff(found) > 0).all()
    left_out = np.setdiff1d(np.flatnonzero(steps < 255), found)
    if len(left_out):
        assert len(found) == MOST_CELLS
        assert steps[found].max() <= steps[left_out].min()
    np.testing.assert_allclose(parts, np.stack([walking, resting])[:, found] / weights[found].sum(), **CLOSE)
    assert parts.sum() == pytest.approx(1.0, rel=1e-4)


def test_steps_of_weight_are_read_as_they_were_written(random):
    parts = np.stack([random.random(60), random.random(60) ** 9]).astype(np.float32)
    parts[0, 3] = 0.0
    steps = compiled.steps_of(parts, WEIGHT_STEPS)

    share = parts / parts.sum(axis=0).max()
    # Half a step up or down is two per cent.
    large = share > 1e-4
    np.testing.assert_allclose(WEIGHTS[steps][large], share[large], rtol=0.021)
    assert (WEIGHTS[steps][~large] < 1.1e-4).all()
    assert WEIGHTS[steps][0, 3] == 0.0


def test_a_place_is_the_middle_of_its_likeliest_floor():
    floors = np.array([0, 0, 1, 1])
    middles = np.array([[0.0, 0.0], [10.0, 4.0], [20.0, 20.0], [30.0, 20.0]])
    zones = np.array([[0, 1], [1, 1], [2, 2], [2, 2]])
    shares = np.array([[0.5, 0.5], [1, 0], [1, 0], [0.25, 0]], np.float32)
    columns, parts = np.array([0, 1, 3]), np.array([[0.3, 0.2, 0.2], [0.0, 0.1, 0.2]], np.float32)
    floor, x, y, square, resting, found, of_zones = compiled.told(
        columns, parts, floors, middles, zones, shares, 2, 4, 0.12
    )
    assert floor == 0
    assert [x, y, square, resting] == pytest.approx([5.0, 2.0, 58.0, 0.3])
    assert found.tolist() == [0, 1]  # the third has a tenth, the fourth nothing
    assert of_zones == pytest.approx([0.15, 0.45])
