"""The web application: the one place where everything is put together."""

from __future__ import annotations

import gc
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

from beacon_service import cluster, logs, probes
from beacon_service.auth import access
from beacon_service.auth.rates import RateLimits
from beacon_service.backtests import api as backtests
from beacon_service.campaigns import api as campaigns
from beacon_service.campaigns import audience_api as audiences
from beacon_service.campaigns import codes_api as codes
from beacon_service.campaigns import lists_api as lists
from beacon_service.campaigns import products_api as products
from beacon_service.clock import Clock, SystemClock
from beacon_service.configuration import audit_api as audit
from beacon_service.customers import api as customers
from beacon_service.customers import events_api as events
from beacon_service.db import db, end_session, web_engine_options
from beacon_service.delivery import api as delivery
from beacon_service.delivery import codes_api as tills
from beacon_service.delivery import deliveries_api as deliveries
from beacon_service.delivery import webhook_api as webhooks
from beacon_service.identity import api as identity
from beacon_service.pings import api as pings
from beacon_service.pings import dry_run_api as dry_run
from beacon_service.pings import regions_api as regions
from beacon_service.pings.catalogue_watch import CatalogueWatch
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.describe import describe as describe_pings
from beacon_service.positioning import api as positioning
from beacon_service.reports import api as reports
from beacon_service.safety import refuse_unsafe
from beacon_service.service import Service
from beacon_service.settings import Settings, libpq_url
from beacon_service.web import StrictRequest, access_log, body, openapi, problems
from beacon_service.web.route import Route
from beacon_service.zones import api as zones
from beacon_service.zones import beacons_api as beacons

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from beacon_service.pings.event_loop import EventLoop
    from beacon_service.web.openapi import Security

log = structlog.get_logger()

GARBAGE_THRESHOLD = 20_000

BLUEPRINTS = (
    probes.blueprint,
    zones.blueprint,
    beacons.blueprint,
    positioning.blueprint,
    campaigns.blueprint,
    products.blueprint,
    audiences.blueprint,
    lists.blueprint,
    codes.blueprint,
    audit.blueprint,
    customers.blueprint,
    events.blueprint,
    identity.blueprint,
    pings.blueprint,
    regions.blueprint,
    dry_run.blueprint,
    delivery.blueprint,
    webhooks.blueprint,
    deliveries.blueprint,
    tills.blueprint,
    reports.blueprint,
    backtests.blueprint,
)

# APIFlask would describe answers that are not ours; web.openapi describes what we answer.
OPENAPI_CONFIG = {
    "OPENAPI_VERSION": "3.1.0",
    "DESCRIPTION": "A ping becomes the one right offer, or none, and says why.",
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "SERVERS": [{"url": "/"}],
    "AUTO_404_RESPONSE": False,
    "AUTO_VALIDATION_ERROR_RESPONSE": False,
    "AUTO_AUTH_ERROR_RESPONSE": False,
    "AUTO_OPERATION_DESCRIPTION": False,
}


class BeaconApp(APIFlask):
    """APIFlask with our way of reading bodies and of describing what may come back."""

    request_class = StrictRequest
    url_rule_class = Route

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view or hook of ours is a coroutine; Flask would look at each, a dozen times a request."""
        return func


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> APIFlask:
    """An application that is ready to serve, or an error in one sentence that says why it must not."""
    settings = settings or Settings.load()
    # A batch makes tens of thousands of objects that die with it, none of them in cycles.
    gc.set_threshold(GARBAGE_THRESHOLD)
    service = Service(settings, cluster.resolve_url(settings), clock or SystemClock())
    logs.configure(settings)
    _refuse_unsafe(service)
    # No documentation pages: they would load scripts from other people's servers.
    app = BeaconApp(
        __name__,
        title="Beacon Service",
        version=version("beacon-service"),
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]
        json_errors=False,
    )
    app.config.update(_configuration(settings, service.database_url))
    db.init_app(app)
    app.extensions["beacon"] = service
    _install_edge(app, service)
    _register(app)
    access.refuse_undeclared(app)
    return app


def create_served_app() -> APIFlask:
    """The same in a web process, which is also told of edits; to be called in that process itself."""
    app = create_app()
    service: Service = app.extensions["beacon"]
    with app.app_context():
        CatalogueWatch(app.extensions[CATALOGUE], db.engine, libpq_url(service.database_url)).start()
    return app


def create_asgi_app() -> EventLoop:
    """The same for a server with an event loop."""
    return pings.in_an_event_loop(create_served_app())


def _refuse_unsafe(service: Service) -> None:
    """A web process that is started again while the database is away answers 503 until it is back.

    `beacon-service serve` has looked before it started any; to give up here would end the server with the outage.
    """
    try:
        with psycopg.connect(libpq_url(service.database_url)) as connection:
            refuse_unsafe(connection, service.settings)
    except psycopg.OperationalError:
        log.warning("the database does not answer")


def _configuration(settings: Settings, url: str) -> dict[str, Any]:
    return {
        **OPENAPI_CONFIG,
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": web_engine_options(settings),
        body.LIMITS: {
            "document": settings.max_document_bytes,
            "import": settings.max_import_bytes,
        },
    }


def _install_edge(app: APIFlask, service: Service) -> None:
    """The order is the order of a request: numbered and timed first, then let in."""
    access_log.install(app, access_log.AccessLog(service.metrics))
    problems.install(app)
    access.install(app, access.Gate(service.clock, RateLimits(service.settings)))
    if (proxies := service.settings.trusted_proxies) > 0:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies)  # type: ignore[method-assign]

    @app.after_request
    def give_back(response: Response) -> Response:
        end_session()
        return response

    @app.spec_processor
    def complete(document: Any) -> Any:
        return describe_pings(openapi.complete(document, app, lambda endpoint: _security(app, endpoint)))


def _register(app: APIFlask) -> None:
    access.public(app.view_functions["openapi.spec"])
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)


def _security(app: APIFlask, endpoint: str) -> Security:
    """Which keys a route takes, in OpenAPI's words: any one of the list, all within one."""
    declared = access.access_of(app, endpoint)
    assert declared is not None, "refuse_undeclared has run"
    secret: dict[str, list[str]] = {"secretKey": [declared.scope] if declared.scope else []}
    publishable: dict[str, list[str]] = {"publishableKey": []}
    by_token: dict[str, list[str]] = {"publishableKey": [], "installationToken": []}
    alternatives: dict[access.Admits, Security] = {
        "public": [{}],
        "secret": [secret],
        "any_key": [publishable, by_token, secret],
        "installation": [by_token, secret],
        "local": [{}, secret],
        "own": [by_token, secret],
    }
    return alternatives[declared.admits]
