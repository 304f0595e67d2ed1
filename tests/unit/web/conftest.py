import json
from typing import Annotated, Literal

import psycopg
import pytest
import sqlalchemy.exc
from apiflask import APIBlueprint, APIFlask
from flask import current_app, request
from pydantic import BaseModel, ConfigDict, Field

from beacon_service.errors import RateLimited
from beacon_service.web import (
    PageQuery,
    StrictRequest,
    access_log,
    body,
    import_body,
    problems,
)
from beacon_service.web.metrics import Metrics
from beacon_service.web.strict_json import refuse_loose

DOCUMENT_BYTES = 2_000
IMPORT_BYTES = 8_000
PING_BYTES = 1_000


class Shelf(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, pattern=r"^[a-z]+$")]
    height_m: Annotated[float, Field(gt=0)]
    kind: Literal["open", "closed"] = "open"


class EdgeApp(APIFlask):
    request_class = StrictRequest


shop = APIBlueprint("shop", __name__)


@shop.put("/shelves/<shelf_id>")
@shop.input(Shelf)
def put_shelf(shelf_id, json_data):
    return {"name": json_data.name}


@shop.get("/shelves")
@shop.input(PageQuery, location="query")
def list_shelves(query_data):
    return {"limit": query_data.limit, "after": query_data.after()}


@shop.post("/imports")
@import_body
@shop.input(Shelf)
def import_shelves(json_data):
    return {"name": json_data.name}


@shop.post("/raw")
def raw():
    """As pings are read, which come by no route of Flask's."""
    headers, limit = request.headers, current_app.config[body.LIMITS]["raw"]
    sent = request.stream.read(limit + 1)
    found = body.json_bytes(sent, headers.get("Content-Type", ""), headers.get("Content-Encoding", ""), limit)
    refuse_loose(found)
    return {"bytes": len(found)}


@shop.get("/fails/<kind>")
def fails(kind):
    raise {
        "unexpected": KeyError("customer-4711 at 52.5163"),
        "driver": psycopg.OperationalError("connection to 10.0.0.7 refused"),
        "session": sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("gone")),
        "pool": sqlalchemy.exc.TimeoutError("QueuePool limit"),
        "rate": RateLimited(retry_after_s=7),
    }[kind]


@pytest.fixture
def edge():
    """An application with nothing but the edge: no database, no keys."""
    app = EdgeApp(__name__, json_errors=False, docs_path=None, static_folder=None)
    app.config[body.LIMITS] = {"document": DOCUMENT_BYTES, "import": IMPORT_BYTES, "raw": PING_BYTES}
    app.extensions["metrics"] = Metrics()
    access_log.install(app, access_log.AccessLog(app.extensions["metrics"]))
    problems.install(app)
    app.register_blueprint(shop)
    return app


@pytest.fixture
def client(edge):
    return edge.test_client()


@pytest.fixture
def put(client):
    """PUT these bytes as a shelf."""

    def put(content, **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.put("/shelves/a", data=content, headers={"Content-Type": "application/json", **names})

    return put


@pytest.fixture
def problem_of():
    """The problem that an answer tells; fails where it is not a well-formed one of the status and code."""

    def problem_of(answer, status, code):
        assert answer.content_type == "application/problem+json", answer.text
        problem = answer.json
        assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), problem
        assert problem["title"]
        assert problem["detail"]
        assert problem["request_id"] == answer.headers["Request-Id"]
        return problem

    return problem_of
