"""What a model found wrong with a request, all of it at once, in sentences with a place and a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beacon_service.errors import Fault, fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError

# A polygon of ten thousand wrong vertices is one mistake, made ten thousand times.
MOST_FAULTS = 100

# What to do, by pydantic's type of error; {names} are of the error's context.
_REMEDIES = {
    "missing": "Add it.",
    "extra_forbidden": "Remove it, or correct its spelling.",
    "literal_error": "Send one of: {expected}.",
    "enum": "Send one of: {expected}.",
    "greater_than": "Send more than {gt}.",
    "greater_than_equal": "Send {ge} or more.",
    "less_than": "Send less than {lt}.",
    "less_than_equal": "Send {le} or less.",
    "string_too_short": "Send at least {min_length} characters.",
    "string_too_long": "Send at most {max_length} characters.",
    "string_pattern_mismatch": "Send a text that matches {pattern}.",
    "string_type": "Send a text.",
    "int_type": "Send a whole number.",
    "int_from_float": "Send a whole number.",
    "int_parsing": "Send a whole number.",
    "float_type": "Send a number.",
    "float_parsing": "Send a number.",
    "bool_type": "Send true or false.",
    "bool_parsing": "Send true or false.",
    "list_type": "Send an array.",
    "dict_type": "Send an object.",
    "model_type": "Send an object.",
    "model_attributes_type": "Send an object.",
    "too_short": "Send at least {min_length}.",
    "too_long": "Send at most {max_length}.",
    "timezone_aware": "Send the time with its offset, such as 2026-11-22T09:30:00Z.",
    "datetime_parsing": "Send a time such as 2026-11-22T09:30:00Z.",
    "datetime_from_date_parsing": "Send a time such as 2026-11-22T09:30:00Z.",
}
_OTHERWISE = "Correct it and send the request again."


def faults_of(error: ValidationError, location: str) -> list[Fault]:
    """The first hundred faults of a failed validation; `location` is APIFlask's word for the part."""
    found = error.errors(include_url=False, include_input=False)[:MOST_FAULTS]
    return [
        fault(
            _where(location, one["loc"]),
            one["msg"].removeprefix("Value error, "),
            _remedy(one["type"], one.get("ctx", {})),
        )
        for one in found
    ]


def _where(location: str, path: tuple[int | str, ...]) -> str:
    """("geometry", 0) in the body is "/geometry/0" (RFC 6901); ("limit",) of the query is "?limit"."""
    if location in {"query", "querystring"}:
        return "?" + ".".join(map(str, path))
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path) or "/"


def _remedy(kind: str, context: Mapping[str, Any]) -> str:
    if "do" in context:  # the model says it itself
        return str(context["do"])
    return _REMEDIES.get(kind, _OTHERWISE).format_map(context)
