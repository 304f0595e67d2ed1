"""What every operation has in common, added to the description that APIFlask makes of the views.

Each operation may end in a problem, and each says which keys it takes; both follow from the application
itself, so that no view can forget to document them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from beacon_service.errors import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask

Document = dict[str, Any]
Security = list[dict[str, list[str]]]

SECURITY_SCHEMES: Document = {
    "publishableKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "Authorization: Bearer pk_..., as shipped in an app.",
    },
    "secretKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "Authorization: Bearer sk_..., with scopes; for the brand's own servers only.",
    },
    "installationToken": {
        "type": "apiKey",
        "in": "header",
        "name": "Beacon-Installation-Token",
        "description": "The token answered when the installation was registered, beside a publishable key.",
    },
}
_TEXT = {"type": "string"}
PROBLEM_SCHEMA: Document = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "enum": sorted(KINDS), "description": "Stable; branch on this."},
        "detail": {"type": "string", "description": "A sentence for people."},
        "request_id": {"type": ["string", "null"], "description": "Names the line in the service's log."},
        "errors": {
            "type": "array",
            "description": "Each thing wrong with the request.",
            "items": {
                "type": "object",
                "required": ["where", "what", "do"],
                "properties": {"where": _TEXT, "what": _TEXT, "do": _TEXT},
            },
        },
    },
}
_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_PROBLEMS: Document = {
    "4XX": {"description": "The request was refused; `code` says why.", "content": _PROBLEM_CONTENT},
    "429": {"description": "Too many requests.", "headers": _RETRY_AFTER, "content": _PROBLEM_CONTENT},
    "503": {"description": "Try again shortly.", "headers": _RETRY_AFTER, "content": _PROBLEM_CONTENT},
    "5XX": {"description": "Our mistake.", "content": _PROBLEM_CONTENT},
}


def complete(document: Document, app: Flask, security_of: Callable[[str], Security]) -> Document:
    """Add problems, security and stable operation ids; `security_of` answers for an endpoint."""
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    # Features share a tag, and APIFlask lists it once for each.
    document["tags"] = list({tag["name"]: tag for tag in document.get("tags", [])}.values())
    for rule in app.url_map.iter_rules():
        operations = document["paths"].get(path_of(rule.rule), {})
        for method in sorted(rule.methods or ()):
            if (operation := operations.get(method.lower())) is not None:
                _complete_operation(operation, rule.endpoint, security_of(rule.endpoint))
                if getattr(app.view_functions[rule.endpoint], "csv_field", None) is not None:
                    operation["requestBody"]["content"]["text/csv"] = {"schema": _TEXT}
    return document


def path_of(rule: str) -> str:
    """`/v1/sites/<string:site_id>` as OpenAPI spells it: `/v1/sites/{site_id}`."""
    return re.sub(r"<(?:[^<:]+:)?([^>]+)>", r"{\1}", rule)


def _complete_operation(operation: Document, endpoint: str, security: Security) -> None:
    operation["security"] = security
    operation.setdefault("operationId", endpoint.replace(".", "_"))
    operation["parameters"] = _unique(operation.get("parameters", []))
    for status, response in _PROBLEMS.items():
        operation["responses"].setdefault(status, response)


def _unique(parameters: Sequence[Document]) -> list[Document]:
    """A parameter that is both in the path and in a model is described by the model."""
    return list({(one["in"], one["name"]): one for one in parameters}.values())
