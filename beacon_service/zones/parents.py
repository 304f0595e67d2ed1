"""Declared parents: in which other zone a zone lies, said by the brand where drawn shapes leave it open."""

from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from beacon_service.configuration.schema import Flaw

Key = TypeVar("Key", bound=Hashable)


class Placed(NamedTuple):
    """What a zone and its parent are judged by."""

    floor: str | None
    parent: str | None
    shape: BaseGeometry


def loops(parents: Mapping[Key, Key]) -> set[Key]:
    """Those that are among their own ancestors, given each one's parent."""
    walked: dict[Key, int] = {}
    found: set[Key] = set()
    for walk, start in enumerate(parents):
        at = start
        while at in parents and at not in walked:
            walked[at] = walk
            at = parents[at]
        if walked.get(at) == walk:  # this walk came back to where it has been
            while at not in found:
                found.add(at)
                at = parents[at]
    return found


def parent_flaws(
    site: str, edited: Mapping[str, Placed], stored: Mapping[str, Placed], parents: Mapping[str, str]
) -> Iterator[tuple[str, Flaw]]:
    """(zone, what is wrong) of the edited zones.

    `stored`: the parents and the children of the edited zones that are not edited themselves; `parents`: of all the
    site's zones as they will be.
    """
    zones = {**stored, **edited}
    circular = loops(parents)
    sound: list[tuple[str, str]] = []
    for zone, placed in zones.items():
        if (parent := placed.parent) is None:
            continue
        if zone in circular:
            flaw = Flaw(("parent",), _circle(zone, parents), "Leave one of them without a parent.")
        elif parent in zones:
            sound += [(zone, parent)] if zone in edited or parent in edited else []
            continue
        else:
            what = f"names the zone {parent}, which the site {site} does not have"
            flaw = Flaw(("parent",), what, "Create it first, or import it together with this one.")
        if zone in edited:
            yield zone, flaw
    for (zone, parent), covered in zip(sound, _are_covered(zones, sound), strict=True):
        flaws = _child_flaws(zone, parent, zones, covered=covered)
        if zone in edited:
            yield from ((zone, flaw) for flaw in flaws)
        else:
            yield from ((parent, _turned(zone, flaw)) for flaw in flaws)


def _child_flaws(zone: str, parent: str, zones: Mapping[str, Placed], *, covered: bool) -> Iterator[Flaw]:
    floor, outer = zones[zone].floor, zones[parent].floor
    if outer not in {None, floor}:
        here = "outdoors" if floor is None else f"on the floor {floor}"
        what = f"is {parent}, which is on the floor {outer}, and this is {here}"
        yield Flaw(("parent",), what, "Name a zone of the same floor, or one without a floor.")
    elif not covered:
        what = f"is {parent}, which does not cover the middle of this zone"
        yield Flaw(("parent",), what, "Name the zone around it, or correct what is drawn.")


def _turned(child: str, flaw: Flaw) -> Flaw:
    """What an edit of a parent does to a child that is not edited itself."""
    what = f"would leave the zone {child} with a wrong parent, which {flaw.what}"
    return Flaw(("geometry",), what, f"Change the parent of {child} first.")


def _are_covered(zones: Mapping[str, Placed], links: list[tuple[str, str]]) -> list[bool]:
    """Whether each parent covers a point within its child. Not all of it: drawn lines stick out a little."""
    inner = shapely.point_on_surface(np.array([zones[zone].shape for zone, _ in links], dtype=object))
    outer = np.array([zones[parent].shape for _, parent in links], dtype=object)
    shapely.prepare(outer)
    return [bool(covered) for covered in shapely.covers(outer, inner)]


def _circle(zone: str, parents: Mapping[str, str]) -> str:
    if parents[zone] == zone:
        return "is the zone itself"
    way = [zone, parents[zone]]
    while way[-1] != zone and len(way) < 6:
        way.append(parents[way[-1]])
    shown = " in ".join(way) + ("" if way[-1] == zone else " in ...")
    return f"goes round in a circle: {shown}"
