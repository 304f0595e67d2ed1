"""POST /v1/pings, put together: the queue for a transaction, the edge before it, and who stands at the door."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

from apiflask import APIBlueprint
from flask import Flask
from flask.sansio.blueprints import BlueprintSetupState

from beacon_service.auth import authenticates_itself
from beacon_service.pings.answer import PingAnswer
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.deciding import CATALOGUE, Call, decide_together
from beacon_service.pings.doorway import Doorway, Shares
from beacon_service.pings.edge import Edge, at_the_edge
from beacon_service.pings.event_loop import EventLoop
from beacon_service.pings.heard import PINGS
from beacon_service.pings.load_meters import LoadMeters
from beacon_service.pings.shedding import Bounds
from beacon_service.pings.together import Together
from beacon_service.settings import Settings
from beacon_service.web.access_log import AccessLog

if TYPE_CHECKING:
    from beacon_service.service import Service

# As many pings as a transaction may take before those that wait for its locks would notice.
MOST_TOGETHER = 100
# Where the application keeps what meets a report first.
AT_THE_DOOR = "beacon_at_the_door"


class AtTheDoor(NamedTuple):
    edge: Edge
    doorway: Doorway


blueprint = APIBlueprint("pings", __name__, tag="Pings")


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    app = cast("Flask", state.app)

    def run(calls: Sequence[Call]) -> Sequence[PingAnswer | Exception]:
        with app.app_context():
            return decide_together(calls)

    service: Service = app.extensions["beacon"]
    shares = Shares.of(service.settings.web_threads)
    together = Together(
        run,
        size=lambda call: len(call.pings.pings),
        most=MOST_TOGETHER,
        bounds=_bounds(service.settings, shares),
    )
    meters = LoadMeters(service.metrics, delay_s=lambda: together.delay_s, waiting=lambda: together.waiting)
    together.on_refusal = meters.refused_ping
    edge = Edge(service, together, AccessLog(service.metrics))
    doorway = Doorway(
        at_the_edge(app.wsgi_app, edge),
        together,
        meters,
        shares=shares,
        believes_proxies=service.settings.trusted_proxies > 0,
    )
    app.extensions[CATALOGUE] = CatalogueCache()
    app.extensions[AT_THE_DOOR] = AtTheDoor(edge, doorway)
    app.wsgi_app = doorway  # type: ignore[method-assign]


def in_an_event_loop(app: Flask) -> EventLoop:
    """The application for a server that speaks ASGI."""
    found: AtTheDoor = app.extensions[AT_THE_DOOR]
    return EventLoop(found.doorway, found.edge)


def _bounds(settings: Settings, shares: Shares) -> Bounds:
    """A quarter of the queue is let be; an interval has room for several turns of the target's length."""
    target_s = settings.ping_wait_target_ms / 1000
    return Bounds(
        most=shares.pings,
        few=max(1, shares.pings // 4),
        target_s=target_s,
        interval_s=2 * target_s,
        longest_s=settings.ping_wait_limit_ms / 1000,
    )


@blueprint.post(PINGS)
@authenticates_itself
def post_pings() -> NoReturn:
    """Described here, with the other routes, and answered before Flask is reached: by `edge`."""
    raise AssertionError("the doorway answers it")
