"""The arithmetic of a belief, cell by cell, in machine code: a ping is located in a fifth of what numpy takes for it.

Only `belief` calls this, and says there what the numbers mean. Numba compiles each function when it is first called
and keeps that beside this file (or where NUMBA_CACHE_DIR says) for the next process. To know whether that is still
good it looks at this file alone, so all that comes from elsewhere is an argument. Nothing is checked in here: an
index beyond its array would be read.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]


@njit(cache=True)
def moved(
    cells: NDArray[np.uint16],
    walking_steps: NDArray[np.uint8],
    resting_steps: NDArray[np.uint8],
    weights: Floats,
    staying: float,
    stopping: float,
    astray: float,
    walkable: Floats,
    walkable_around: Floats,
    prior: Floats,
    places: Numbers,
    column_at: NDArray[np.int32],
    steps: Numbers,
    shares: Floats,
) -> tuple[Floats, Floats, float, float]:
    """Where a phone walks and where it rests now; and how probable it is that it stayed, and that it stopped."""
    total = 0.0
    for i in range(len(cells)):
        total += weights[walking_steps[i]] + weights[resting_steps[i]]
    walking, resting = np.zeros_like(prior), np.zeros_like(prior)
    mass, stayed, stopped = 0.0, 0.0, 0.0
    for i in range(len(cells)):
        walks, rests = weights[walking_steps[i]] / total, weights[resting_steps[i]] / total
        resting[cells[i]] = rests * staying + walks * stopping
        stayed += rests * staying
        stopped += walks * stopping
        leaving = walks * (1 - stopping) + rests * (1 - staying)
        mass += leaving
        _spread(walking, leaving / walkable_around[cells[i]], places[cells[i]], column_at, steps, shares)
    arrived = 0.0
    for column in range(len(walking)):
        walking[column] *= walkable[column]
        arrived += walking[column]
    share = mass * (1 - astray) / arrived if arrived > 0.0 else 0.0
    anywhere = mass - share * arrived
    for column in range(len(walking)):
        walking[column] = walking[column] * share + prior[column] * anywhere
    return walking, resting, stayed, stopped


@njit(cache=True)
def recognised(
    rows: Numbers,
    levels: Floats,
    starts: Numbers,
    prints: Numbers,
    print_shares: Floats,
    print_columns: Numbers,
    places: Numbers,
    column_at: NDArray[np.int32],
    steps: Numbers,
    shares: Floats,
    cut: float,
    unlikeness: float,
) -> tuple[Floats, float]:
    """How alike the prints around each cell are, in all, and how much so all prints are on average."""
    likeness = np.zeros(len(print_columns), np.float32)
    most = 0.0
    for i in range(len(rows)):
        for k in range(starts[rows[i]], starts[rows[i] + 1]):
            likeness[prints[k]] += levels[i] * print_shares[k]
            most = max(most, likeness[prints[k]])
    by_cell = np.zeros(len(places), np.float32)
    total = 0.0
    for i in range(len(rows)):
        for k in range(starts[rows[i]], starts[rows[i] + 1]):
            alike = likeness[prints[k]]
            if alike > max(0.0, most - cut):
                weight = math.exp((alike - 1.0) / unlikeness)
                total += weight
                if print_columns[prints[k]] >= 0:
                    by_cell[print_columns[prints[k]]] += weight
                likeness[prints[k]] = 0.0  # each once
    near = np.zeros(len(places), np.float32)
    for column in range(len(places)):
        if by_cell[column] > 0.0:
            _spread(near, by_cell[column], places[column], column_at, steps, shares)
    return near, total / len(likeness) if total > 0.0 else 1.0  # where nothing is alike all is alike


@njit(cache=True)
def _spread(
    found: Floats, weight: float, place: int, column_at: NDArray[np.int32], steps: Numbers, shares: Floats
) -> None:
    for j in range(len(steps)):
        column = column_at[place + steps[j]]
        if column >= 0:
            found[column] += weight * shares[j]


@njit(cache=True)
def possible(
    walking: Floats, resting: Floats, near: Floats, rarity: Floats, usual: float, least: float
) -> tuple[Numbers, Floats]:
    """Where a phone may be by what it sounds like: which columns, and the root of how alike each is."""
    belief = walking + resting
    squares = belief * belief * (near + np.float32(usual)) * rarity
    enough = squares.max() * np.float32(least * least)
    count = 0
    columns = np.empty(len(near), np.intp)
    for column in range(len(near)):
        columns[count] = column
        count += squares[column] > enough
    columns = columns[:count]
    return columns, np.sqrt((near[columns] + np.float32(usual)) * rarity[columns])


@njit(cache=True)
def weighed(
    walking: Floats,
    resting: Floats,
    columns: Numbers,
    likelihood: Floats,
    surprise: NDArray[np.uint8],
    rows: Numbers,
    below: Numbers,
    above: Floats,
    scale: float,
    fluke: float,
    news: float,
    most: int,
    per_nat: float,
) -> tuple[Numbers, Floats]:
    """The likeliest of these columns after all that was heard, and how probable walking and resting are at each."""
    if len(rows):
        likelihood = likelihood * heard(surprise, rows, below, above, columns, scale)
    walks, rests = walking[columns] * likelihood, settled(resting[columns], likelihood, fluke, news)
    found, parts = likeliest(walks, rests, most, per_nat)
    return columns[found], parts


@njit(cache=True)
def heard(
    surprise: NDArray[np.uint8], rows: Numbers, below: Numbers, above: Floats, columns: Numbers, scale: float
) -> Floats:
    """How likely what was heard is at each of these cells, between the two levels next to it; 1 at the likeliest."""
    sums = np.zeros(len(columns), np.float32)
    for i in range(len(rows)):
        lower, upper = surprise[rows[i], below[i]], surprise[rows[i], below[i] + 1]
        for k in range(len(columns)):
            column = columns[k]
            sums[k] += (1 - above[i]) * lower[column] + above[i] * upper[column]
    least = sums.min()
    for k in range(len(sums)):
        sums[k] = math.exp((least - sums[k]) * scale)
    return sums


@njit(cache=True)
def settled(resting: Floats, likelihood: Floats, fluke: float, news: float) -> Floats:
    """`resting`, weighed by a power of the likelihood, `news`, that leaves in all as much as the likelihood itself."""
    floor = likelihood.max() * fluke
    weighed = np.zeros(len(resting), np.float32)
    full, part = 0.0, 0.0
    for k in range(len(resting)):
        if resting[k] > 0.0:
            full += resting[k] * (likelihood[k] + floor)
            weighed[k] = resting[k] * (likelihood[k] + floor) ** news
            part += weighed[k]
    if part > 0.0:
        weighed *= np.float32(full / part)
    return weighed


@njit(cache=True)
def likeliest(walking: Floats, resting: Floats, most: int, per_nat: float) -> tuple[Numbers, Floats]:
    """At most so many of the heaviest, none 255 steps below the heaviest; and their two weights, in all one.

    By counting how many are how many steps below it, which is quicker than sorting; of equals evenly many.
    """
    heaviest = 0.0
    for k in range(len(walking)):
        heaviest = max(heaviest, walking[k] + resting[k])
    steps = np.full(len(walking), 255, np.intp)
    counts = np.zeros(256, np.intp)
    for k in range(len(walking)):
        belief = walking[k] + resting[k]
        if belief > 0.0:
            steps[k] = min(255, int(per_nat * math.log(heaviest / belief)))
        counts[steps[k]] += 1
    last, room = 0, most
    while last < 255 and counts[last] <= room:
        room -= counts[last]
        last += 1
    found = np.empty(most, np.intp)
    parts = np.empty((2, most), np.float32)
    count, total, equal = 0, 0.0, 0
    for k in range(len(walking)):
        taken = steps[k] < last
        if steps[k] == last < 255:
            taken = (equal + 1) * room // counts[last] > equal * room // counts[last]
            equal += 1
        if taken:
            found[count], parts[0, count], parts[1, count] = k, walking[k], resting[k]
            total += walking[k] + resting[k]
            count += 1
    return found[:count], parts[:, :count] / np.float32(total)


@njit(cache=True)
def steps_of(parts: Floats, per_nat: float) -> NDArray[np.uint8]:
    """How many steps each weight is below the heaviest column's, at most 255."""
    steps = np.full(parts.shape, 255, np.uint8)
    most = (parts[0] + parts[1]).max()
    for part in range(2):
        for k in range(parts.shape[1]):
            if parts[part, k] > 0.0:
                steps[part, k] = min(255.0, round(per_nat * math.log(most / parts[part, k])))
    return steps


@njit(cache=True)
def told(
    columns: Numbers,
    parts: Floats,
    floors: Numbers,
    middles: NDArray[np.float64],
    zones_of_cells: Numbers,
    shares_of_cells: Floats,
    most_floors: int,
    most_zones: int,
    least: float,
) -> tuple[int, float, float, float, float, Numbers, NDArray[np.float64]]:
    """The likeliest floor, and the means on it of east, of north and of their squares' sum; the part that rests.

    Then which zones have more than the least share, and what they have.
    """
    of_floors = np.zeros(most_floors)
    of_zones = np.zeros(most_zones)
    resting = 0.0
    for k in range(len(columns)):
        column, probability = columns[k], parts[0, k] + parts[1, k]
        resting += parts[1, k]
        of_floors[floors[column]] += probability
        for j in range(zones_of_cells.shape[1]):
            of_zones[zones_of_cells[column, j]] += shares_of_cells[column, j] * probability
    floor = int(of_floors.argmax())
    x, y, square = 0.0, 0.0, 0.0
    for k in range(len(columns)):
        if floors[columns[k]] == floor:
            share = (parts[0, k] + parts[1, k]) / of_floors[floor]
            east, north = middles[columns[k], 0], middles[columns[k], 1]
            x += share * east
            y += share * north
            square += share * (east * east + north * north)
    zones = np.empty(most_zones, np.intp)
    count = 0
    for zone in range(most_zones):
        if of_zones[zone] > least:
            zones[count] = zone
            count += 1
    zones = zones[:count]
    return floor, x, y, square, resting, zones, of_zones[zones]
