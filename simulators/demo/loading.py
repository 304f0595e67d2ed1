"""Loads a scene into the service by its API; every step is an upsert, so a second run changes nothing."""

from collections.abc import Callable
from random import Random
from typing import Any

from simulators.client import Client, bearer
from simulators.demo.scene import Scene
from simulators.venue import Venue


async def load_scene(scene: Scene, client: Client, secret_key: str, say: Callable[[str], None]) -> None:
    """Raises ServiceError, naming the address, where the service refuses something."""
    for method, path, body in requests_of(scene):
        await client.call(method, path, headers=bearer(secret_key), random=Random(path), body=body)
    for venue in scene.venues:
        say(
            f"loaded {venue.name}: {len(venue.floors)} floors, {len(venue.zones['features'])} zones, "
            f"{len(venue.beacons['features'])} beacons"
        )
    say(f"loaded {len(scene.campaigns)} campaigns")


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
