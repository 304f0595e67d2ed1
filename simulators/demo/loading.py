"""Loads a scene into the service by its API; every step is an upsert, so a second run changes nothing."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from simulators.client import Client, ServiceError, bearer
from simulators.demo.scene import Scene
from simulators.venue import Venue

# Some 5 MB of JSON; a request may have eight.
MOST_SIGHTINGS = 30_000
LOOKS_EVERY_S = 1.0
LEARNS_WITHIN_S = 300.0


async def load_scene(scene: Scene, client: Client, secret_key: str, say: Callable[[str], None]) -> None:
    """Raises ServiceError, naming the address, where the service refuses something."""
    for method, path, body in requests_of(scene):
        await client.call(method, path, headers=bearer(secret_key), random=Random(path), body=body)
    for venue in scene.venues:
        say(
            f"loaded {venue.name}: {len(venue.floors)} floors, {len(venue.zones['features'])} zones, "
            f"{len(venue.beacons['features'])} beacons"
        )
    for venue in scene.venues:
        if venue.survey:
            await load_survey(venue, client, bearer(secret_key), say)
    say(f"loaded {len(scene.campaigns)} campaigns")


async def load_survey(
    venue: Venue, client: Client, headers: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Send the survey, unless the site has a radio map already, and wait until one is learned and in use."""
    site, random = f"/v1/sites/{venue.id}", Random(venue.id)
    maps = await _radio_maps(client, site, headers, random)
    if not maps:
        for walks in _parts(venue.survey):
            body = {"activate": True, "walks": walks}
            await client.call("POST", f"{site}/surveys", headers=headers, random=random, body=body)
    told = ""
    for _ in range(round(LEARNS_WITHIN_S / LOOKS_EVERY_S)):
        maps = await _radio_maps(client, site, headers, random)
        newest = maps[0]
        if any(each["active"] for each in maps):
            say(f"located by radio map {newest['number']}, learned from {len(venue.survey)} walks")
            return
        if newest["status"] == "failed":
            raise ServiceError(f"the radio map of {venue.name} could not be learned: {newest['error']}")
        if newest["status"] != told:
            told = newest["status"]
            say(f"the radio map of {venue.name} is {told}; it takes up to a minute")
        await asyncio.sleep(LOOKS_EVERY_S)
    raise ServiceError(f"the radio map of {venue.name} was not learned within {LEARNS_WITHIN_S:.0f} s")


async def _radio_maps(
    client: Client, site: str, headers: Mapping[str, str], random: Random
) -> list[dict[str, Any]]:
    """Newest first."""
    found = await client.call("GET", f"{site}/radio-maps", headers=headers, random=random)
    maps: list[dict[str, Any]] = found.body["items"]
    return maps


def _parts(walks: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Parts that a request can carry."""
    part: list[dict[str, Any]] = []
    sightings = 0
    for walk in walks:
        if part and sightings + len(walk["sightings"]) > MOST_SIGHTINGS:
            yield part
            part, sightings = [], 0
        part.append(walk)
        sightings += len(walk["sightings"])
    yield part


def requests_of(scene: Scene) -> list[tuple[str, str, Any]]:
    """Places before what names them."""
    places = [request for venue in scene.venues for request in venue_requests(venue)]
    campaigns = [("PUT", f"/v1/campaigns/{name}", body) for name, body in scene.campaigns.items()]
    return [*places, ("PUT", "/v1/policy", scene.policy), *campaigns]


def venue_requests(venue: Venue) -> list[tuple[str, str, Any]]:
    site = f"/v1/sites/{venue.id}"
    return [
        ("PUT", site, {"name": venue.name, "time_zone": venue.time_zone}),
        *(("PUT", f"{site}/floors/{floor}", body) for floor, body in venue.floors.items()),
        ("POST", f"{site}/zones/imports", venue.zones),
        ("POST", f"{site}/beacons/imports", venue.beacons),
    ]
