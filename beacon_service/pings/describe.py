"""The ping route in OpenAPI's words, made from the very types that read requests and write answers."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from beacon_service.pings.answer import PingAnswer
from beacon_service.pings.schema import Instant, Name, PingIn

_REF = "#/components/schemas/{name}"


class PingsOfOne(Struct):
    """What a phone reports of itself, with a publishable key and its installation's token."""

    installation_id: Name
    pings: list[PingIn]
    sent_at: Instant | None = None


class PingBatch(Struct):
    installation_id: Name
    pings: list[PingIn]


class PingsOfMany(Struct):
    """What a gateway reports of many installations, with a secret key of the scope `ping`."""

    batches: list[PingBatch]
    sent_at: datetime | None = None


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Add request and answer of POST /v1/pings to the description of the API."""
    (one, many, answer), components = msgspec.json.schema_components(
        [PingsOfOne, PingsOfMany, PingAnswer], ref_template=_REF
    )
    document["components"]["schemas"].update(components)
    operation = document["paths"]["/v1/pings"]["post"]
    operation["summary"] = "Report pings; answers a verdict for each, the moves, and the offers decided"
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"anyOf": [one, many]}}},
    }
    operation["responses"]["200"] = {
        "description": "A verdict for each ping, also where some or all were rejected",
        "content": {"application/json": {"schema": answer}},
    }
    return document
