"""What a demo plays: places, campaigns and people. Made-up shop and recorded mall differ here and nowhere
else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.demo.recorded_campaigns import campaigns_for, draw_customers
from simulators.generate import generate
from simulators.recorded import read_venue, read_walks, site_directories
from simulators.venue import Venue, load_venue
from simulators.walks import Walk


@dataclass(frozen=True, slots=True)
class Scene:
    """`campaigns`: id -> body of its PUT. `policy`: body of its PUT."""

    venues: tuple[Venue, ...]
    campaigns: Mapping[str, dict[str, Any]]
    policy: dict[str, Any]
    walks: tuple[Walk, ...]


def store_scene(directory: Path, *, seed: int, shoppers: int) -> Scene:
    venue = load_venue(directory)
    return Scene(
        venues=(venue,),
        campaigns=read_object(directory / "campaigns.json"),
        policy=read_object(directory / "policy.json"),
        walks=generate(venue, seed=seed, shoppers=shoppers),
    )


def recorded_scene(walks: Path, *, policy: Path, seed: int) -> Scene:
    """Every site of the folder; their walkers set out together."""
    sites = site_directories(walks)
    venues = tuple(read_venue(site) for site in sites)
    campaigns = {name: body for venue in venues for name, body in campaigns_for(venue).items()}
    people = [walk for site in sites for walk in read_walks(site)]
    return Scene(venues, campaigns, read_object(policy), draw_customers(people, seed))


def read_object(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
