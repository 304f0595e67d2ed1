"""One run of the demo against a service that is up: load, walk, watch, wait for the last stays, count."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.client import Client, Keys
from simulators.crowd import Crowd, make_crowd
from simulators.demo.judging import Agreement, agreement, faults, open_stays, summary_of
from simulators.demo.loading import load_scene
from simulators.demo.reading import Reader
from simulators.demo.scene import Scene
from simulators.demo.screen import Floor, Screen
from simulators.demo.story import Names, Story
from simulators.wire import Connections

WATCHES_EVERY_S = 1.0
OVERLAP = timedelta(seconds=5)  # looked at twice, since what commits late may be dated a little earlier
CLOSES_WITHIN_S = 20  # what timers still owe, but for the exits of phones gone silent: those take minutes
CLOSING_LOOKS = 10
CONNECTIONS = 32
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    summary: dict[str, Any]
    agreed: Agreement
    still_open: int
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Run:
    scene: Scene
    url: str
    keys: Keys
    screen: Screen
    check_children: Callable[[], None]

    async def play(self) -> Outcome:
        client = Client(Connections(self.url, most=CONNECTIONS, timeout_s=TIMEOUT_S))
        try:
            await load_scene(self.scene, client, self.keys.secret, self.screen.say)
            return await self.walk(client)
        finally:
            await client.close()

    async def walk(self, client: Client) -> Outcome:
        began_at = datetime.now(UTC)
        run = f"demo-{began_at:%Y%m%d%H%M%S}"
        story = Story(names_of(self.scene, run), self.screen.tell)
        reader = Reader(client, self.keys.secret, run)
        crowd = make_crowd(self.scene.walks, run, client=client, keys=self.keys, on_answer=story.answered)
        self.screen.say(f"{len(crowd.phones)} people set out, for about {crowd.lasts_s:.0f} s")
        watching = asyncio.create_task(self.watch(story, reader, crowd, began_at))
        walking = asyncio.create_task(crowd.walk())
        await asyncio.wait((watching, walking), return_when=asyncio.FIRST_COMPLETED)
        if walking.done():
            walking.result()
            await self.until_closed(reader, began_at)
        watching.cancel()
        walking.cancel()
        await asyncio.gather(watching, walking, return_exceptions=True)
        if not watching.cancelled() and (broken := watching.exception()):
            raise broken
        await crowd.finish()
        return await self.count(crowd, client, reader, began_at)

    async def watch(self, story: Story, reader: Reader, crowd: Crowd, began_at: datetime) -> None:
        """Reads what is new every second and shows it; ends only by an error or by being cancelled."""
        since = began_at
        while True:
            read_at = datetime.now(UTC)
            for move in await reader.moves(since):
                story.moved(move)
            for decision in await reader.decisions(since):
                story.decided(decision)
            since = max(began_at, read_at - OVERLAP)
            progress = (read_at - began_at).total_seconds() / (crowd.lasts_s + CLOSES_WITHIN_S)
            self.screen.refresh(story, crowd.record, min(1.0, progress))
            self.check_children()
            await asyncio.sleep(WATCHES_EVERY_S)

    async def until_closed(self, reader: Reader, began_at: datetime) -> None:
        """Timers still end stays and dwells after the last ping; that too is part of what happened."""
        for _ in range(CLOSING_LOOKS):
            if not open_stays(await reader.moves(began_at)):
                return
            await asyncio.sleep(CLOSES_WITHIN_S / CLOSING_LOOKS)

    async def count(self, crowd: Crowd, client: Client, reader: Reader, began_at: datetime) -> Outcome:
        moves = await reader.moves(began_at)
        decisions = await reader.decisions(began_at)
        return Outcome(
            summary=summary_of(crowd.record, moves, decisions),
            agreed=agreement(crowd.record.pings, moves, areas_of(self.scene)),
            still_open=open_stays(moves),
            faults=faults(crowd.record, client.traffic, moves, decisions),
        )


def names_of(scene: Scene, run: str) -> Names:
    people = {f"{run}-{number}": walk.label for number, walk in enumerate(scene.walks, start=1)}
    zones = {
        f"{venue.id}/{feature['id']}": feature["properties"]["name"]
        for venue in scene.venues
        for feature in venue.zones["features"]
    }
    titles = {name: body["offers"][0]["title"] for name, body in scene.campaigns.items()}
    return Names(people, zones, titles)


def areas_of(scene: Scene) -> dict[str, float]:
    """Zones by size; square degrees do, since only zones of one place are compared."""
    return {
        f"{venue.id}/{zone.id}": zone.geometry.area for venue in scene.venues for zone in venue.zone_list()
    }


def floors_of(scene: Scene) -> tuple[Floor, ...]:
    """For the screen: the zones without a floor first, then floor by floor from below."""
    drawn = []
    for venue in scene.venues:
        zones = venue.zone_list()
        levels = venue.floors_upward()
        for floor in (None, *levels):
            named = {f"{venue.id}/{zone.id}": zone.name for zone in zones if zone.floor == floor}
            title = venue.floors[floor]["name"] if floor else f"Around {venue.name}"
            if named:
                drawn.append(Floor(title, named))
    return tuple(drawn)
