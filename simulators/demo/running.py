"""One run of the demo against a service that is up: load, walk, watch, wait for the last stays, count."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.client import Client, Keys
from simulators.demo.judging import Agreement, Lists, agreement, faults, open_stays, summary_of
from simulators.demo.loading import load_scene
from simulators.demo.reading import Reader
from simulators.demo.scene import Scene
from simulators.demo.screen import Floor, Screen, Standing
from simulators.demo.script import BEGINS_AT, lasts_s, lines_of, planned_pings, truth_of
from simulators.demo.story import Names as StoryNames
from simulators.demo.story import Story
from simulators.demo.witness import Witness
from simulators.replaying.clock import TraceClock, now_s
from simulators.replaying.names import Names
from simulators.replaying.player import Means, Player
from simulators.replaying.stage import Manner
from simulators.wire import Connections

WATCHES_EVERY_S = 1.0
OVERLAP = timedelta(seconds=5)  # looked at twice, since what commits late may be dated a little earlier
CLOSES_WITHIN_S = 20  # what timers still owe, but for the exits of phones gone silent: those take minutes
CLOSING_LOOKS = 10
INBOX_EVERY_S = 15.0  # offers of timers keep for an hour; a phone that asks more often only costs battery
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
        walks = self.scene.walks
        truth = {(f"{run}-{name}", ping): zone for (name, ping), zone in truth_of(walks).items()}
        witness = Witness(truth, story.answered)
        player = self.player(client, run, witness)
        player.settle = lambda: self.until_closed(reader, began_at)
        self.screen.say(f"{len(walks)} people set out, for about {lasts_s(walks):.0f} s")
        watching = asyncio.create_task(self.watch(story, reader, player, began_at))
        playing = asyncio.create_task(player.play(lines_of(walks)))
        await asyncio.wait((watching, playing), return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        if not playing.done():
            playing.cancel()
        await asyncio.gather(watching, playing, return_exceptions=True)
        for task in (watching, playing):
            if not task.cancelled() and (broken := task.exception()):
                raise broken
        return await self.count(player, witness, reader, began_at)

    def player(self, client: Client, run: str, witness: Witness) -> Player:
        """In real time, with people who look into their inboxes, and answer offers, as the script says."""
        return Player(
            means=Means(client, self.keys),
            names=Names(run),
            manner=Manner(inbox_every_s=INBOX_EVERY_S),
            clock=TraceClock.begun(BEGINS_AT.timestamp(), None, 1.0, "compressed", now_s()),
            onlooker=witness,
        )

    async def watch(self, story: Story, reader: Reader, player: Player, began_at: datetime) -> None:
        """Reads what is new every second and shows it; ends only by an error or by being cancelled."""
        since = began_at
        while True:
            read_at = datetime.now(UTC)
            for move in await reader.moves(since):
                story.moved(move)
            for decision in await reader.decisions(since):
                story.decided(decision)
            since = max(began_at, read_at - OVERLAP)
            self.screen.refresh(story, self.standing(player, (read_at - began_at).total_seconds()))
            self.check_children()
            await asyncio.sleep(WATCHES_EVERY_S)

    def standing(self, player: Player, since_s: float) -> Standing:
        walks, record = self.scene.walks, player.record
        return Standing(
            judged=record.judged,
            planned=planned_pings(walks),
            p50_ms=record.answered.percentile(0.5),
            p99_ms=record.answered.percentile(0.99),
            progress=min(1.0, since_s / (lasts_s(walks) + CLOSES_WITHIN_S)),
        )

    async def until_closed(self, reader: Reader, began_at: datetime) -> None:
        """Timers still end stays and dwells after the last ping; that too is part of what happened."""
        for _ in range(CLOSING_LOOKS):
            if not open_stays(await reader.moves(began_at)):
                return
            await asyncio.sleep(CLOSES_WITHIN_S / CLOSING_LOOKS)

    async def count(self, player: Player, witness: Witness, reader: Reader, began_at: datetime) -> Outcome:
        moves = await reader.moves(began_at)
        decisions = await reader.decisions(began_at)
        record, traffic = player.record, player.means.client.traffic
        planned = planned_pings(self.scene.walks)
        found = faults(record, planned, traffic, witness, Lists(moves, decisions))
        return Outcome(
            summary=summary_of(record, moves, decisions),
            agreed=agreement(witness.pings, moves, areas_of(self.scene)),
            still_open=open_stays(moves),
            faults=[*found, *([player.despaired] if player.despaired else [])],
        )


def names_of(scene: Scene, run: str) -> StoryNames:
    people = {f"{run}-{number}": walk.label for number, walk in enumerate(scene.walks, start=1)}
    zones = {
        f"{venue.id}/{feature['id']}": feature["properties"]["name"]
        for venue in scene.venues
        for feature in venue.zones["features"]
    }
    titles = {name: body["offers"][0]["title"] for name, body in scene.campaigns.items()}
    return StoryNames(people, zones, titles)


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
