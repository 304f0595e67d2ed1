"""Where what came differs from what was expected, in lines to be read."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

from simulators.replaying.expectations import Came, Decision, Event, Expectations, Person

# Of installations that differ, and of lines for each: the first ones tell what is wrong.
MOST_INSTALLATIONS = 20
MOST_LINES = 40
# Comparing takes the product of both lengths.
MOST_COMPARED = 2_000

Item = Event | Decision


class Pair(NamedTuple):
    """One of them is None where the other has no counterpart."""

    expected: Any
    came: Any


def differences(expected: Expectations, came: Mapping[str, Came]) -> list[str]:
    """None where all is as expected."""
    lines: list[str] = []
    differing = 0
    for told in filter(None, _of_all(expected, came)):
        differing += 1
        if differing <= MOST_INSTALLATIONS:
            lines += [*told[:MOST_LINES], *(["    ..."] if len(told) > MOST_LINES else [])]
    if differing > MOST_INSTALLATIONS:
        lines.append(f"and {differing - MOST_INSTALLATIONS} more installations differ")
    return lines


def _of_all(expected: Expectations, came: Mapping[str, Came]) -> Iterator[list[str]]:
    for name, wish in expected.installations.items():
        person = Person(decisions="none") if wish == "none" else wish
        yield _of_one(name, person, came.get(name, Came()), expected.tolerance_s)
    if expected.others == "none":
        for name in sorted(came.keys() - expected.installations.keys()):
            yield _of_one(name, Person(decisions="none"), came[name], expected.tolerance_s)


def _of_one(name: str, person: Person, came: Came, tolerance_s: float) -> list[str]:
    lines: list[str] = []
    for kind, wish, there in (
        ("events", person.events, came.events),
        ("decisions", person.decisions, came.decisions),
    ):
        if wish is not None:
            lines += _of_list(f"{name}, {kind}", [] if wish == "none" else wish, there, tolerance_s)
    return lines


def _of_list(title: str, wish: Sequence[Item], came: Sequence[Item], tolerance_s: float) -> list[str]:
    if len(wish) > MOST_COMPARED or len(came) > MOST_COMPARED:
        return [] if len(wish) == len(came) else [f"{title}: {len(wish)} expected, {len(came)} came"]
    pairs = aligned(wish, as_expected_of_one_time(wish, came))
    marks = [_mark(pair, tolerance_s) for pair in pairs]
    if all(mark == "=" for mark in marks):
        return []
    told = [_line(mark, pair) for mark, pair in zip(marks, pairs, strict=True)]
    return [f"{title}: {len(wish)} expected, {len(came)} came", *told]


def as_expected_of_one_time(wish: Sequence[Item], came: Sequence[Item]) -> list[Item]:
    """What happened at one instant has no order: it is put into the expected one."""
    ordered: list[Item] = []
    for _, together in groupby(came, key=lambda one: one.at_s):
        left = list(together)
        if len(left) > 1:
            ahead = wish[len(ordered) : len(ordered) + len(left)]
            for each in ahead:
                found = next((one for one in left if each.fits(one)), None)  # type: ignore[arg-type]
                if found is not None:
                    left.remove(found)
                    ordered.append(found)
        ordered += left
    return ordered


def aligned(wish: Sequence[Item], came: Sequence[Item]) -> list[Pair]:
    """As many counterparts as there are in both, in order (the longest common subsequence)."""
    longest = [[0] * (len(came) + 1) for _ in range(len(wish) + 1)]
    for i in reversed(range(len(wish))):
        for j in reversed(range(len(came))):
            if wish[i].fits(came[j]):  # type: ignore[arg-type]
                longest[i][j] = longest[i + 1][j + 1] + 1
            else:
                longest[i][j] = max(longest[i + 1][j], longest[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(wish) and j < len(came):
        if wish[i].fits(came[j]):  # type: ignore[arg-type]
            pairs.append(Pair(wish[i], came[j]))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            pairs.append(Pair(wish[i], None))
            i += 1
        else:
            pairs.append(Pair(None, came[j]))
            j += 1
    return [*pairs, *(Pair(each, None) for each in wish[i:]), *(Pair(None, each) for each in came[j:])]


Mark = Literal["=", "-", "+", "~"]


def _mark(pair: Pair, tolerance_s: float) -> Mark:
    if pair.came is None:
        return "-"
    if pair.expected is None:
        return "+"
    wish = pair.expected
    if wish.at_s is None:
        return "="
    allowed_s = tolerance_s if wish.tolerance_s is None else wish.tolerance_s
    return "=" if abs(pair.came.at_s - wish.at_s) <= allowed_s else "~"


def _line(mark: Mark, pair: Pair) -> str:
    if mark == "-":
        return f"    - {_timed(pair.expected)}: expected, and did not come"
    if mark == "+":
        return f"    + {_timed(pair.came)}: came, and was not expected"
    if mark == "~":
        return f"    ~ {_timed(pair.came)}: was expected at {pair.expected.at_s:.1f} s"
    return f"      {_timed(pair.came)}"


def _timed(one: Item) -> str:
    return str(one) if one.at_s is None else f"{one.at_s:.1f} s {one}"
