"""What operators and their machines ask: is it alive, may it be sent requests, how does it fare."""

from __future__ import annotations

import psycopg
from apiflask import APIBlueprint
from flask import Response

from beacon_service import readiness
from beacon_service.auth import public, requires_local
from beacon_service.db import db, transaction
from beacon_service.delivery import meters
from beacon_service.errors import ServiceUnavailable
from beacon_service.service import Service, running
from beacon_service.settings import libpq_url
from beacon_service.web.metrics import CONTENT_TYPE

blueprint = APIBlueprint("operations", __name__, tag="Operations")

# A probe must answer before the one who asks gives up, usually after a few seconds.
PATIENCE_S = 2


@blueprint.get("/healthz")
@blueprint.doc(summary="The process lives; asks nothing of the database")
@public
def healthz() -> dict[str, str]:
    return {"status": "alive"}


@blueprint.get("/readyz")
@blueprint.doc(summary="Requests can be served: database, schema and partitions are there")
@public
def readyz() -> dict[str, str]:
    service = running()
    try:
        # A connection of its own: a pool that is in full use is busy, not unready.
        with psycopg.connect(
            libpq_url(service.database_url), connect_timeout=PATIENCE_S, autocommit=True
        ) as connection:
            found = readiness.obstacles(connection, service.clock.now().date())
    except psycopg.OperationalError:
        found = ["The database does not answer."]
    if found:
        raise ServiceUnavailable(" ".join(found), code="not_ready")
    return {"status": "ready"}


@blueprint.get("/metrics")
@blueprint.doc(hide=True)
@requires_local("read")
def metrics() -> Response:
    service = running()
    return Response(service.metrics.text() + _deliveries(service), content_type=CONTENT_TYPE)


def _deliveries(service: Service) -> bytes:
    """Of all workers; nothing while the database is away, since this process can be measured all the same."""
    try:
        with transaction(db.engine) as connection:
            return meters.text(connection, service.clock.now())
    except ServiceUnavailable:
        return b""
