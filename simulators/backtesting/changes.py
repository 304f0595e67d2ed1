"""What is to be otherwise, as it is said on the command line: whole documents in a file, or single fields."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

# Where documents of a kind are read, by the parts of their key.
PATHS = {
    "campaign": "/v1/campaigns/{0}",
    "policy": "/v1/policy",
    "audience": "/v1/audiences/{0}",
    "product": "/v1/products/{0}",
    "site": "/v1/sites/{0}",
    "floor": "/v1/sites/{0}/floors/{1}",
    "zone": "/v1/sites/{0}/zones/{1}",
    "beacon": "/v1/beacons/{0}",
}


class ChangeError(Exception):
    """It does not say what is to be otherwise; the message says how it would."""


class Setting(NamedTuple):
    """`campaign/coffee/caps/0/limit=2`: one field of a document as it is kept now."""

    kind: str
    key: str
    pointer: tuple[str, ...]
    value: Any

    @property
    def path(self) -> str:
        return PATHS[self.kind].format(*self.key.split("/"))


def read_changes(path: Path) -> list[dict[str, Any]]:
    """A change, or a list of them, each with kind, key and body."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChangeError(f"{path} cannot be read as JSON: {error}") from None
    changes = found if isinstance(found, list) else [found]
    for number, change in enumerate(changes):
        if not isinstance(change, dict) or not {"kind", "key", "body"} <= change.keys():
            raise ChangeError(
                f"{path}: change {number} needs kind, key and body (null: it would not be there)"
            )
    return changes


def read_setting(text: str) -> Setting:
    """`kind/key/field/...=JSON`; what is no JSON is a text."""
    where, equals, value = text.partition("=")
    kind, *parts = where.split("/")
    if not equals or kind not in PATHS:
        kinds = ", ".join(PATHS)
        raise ChangeError(
            f"{text}: say kind/id/field=value, such as campaign/coffee/priority=5; kinds are {kinds}"
        )
    ids = PATHS[kind].count("{")
    key, pointer = parts[:ids], parts[ids:]
    if len(key) < ids or not pointer:
        raise ChangeError(f"{text}: a {kind} has {ids} id{'s' * (ids != 1)}, and then comes a field")
    return Setting(kind, "/".join(key) or kind, tuple(pointer), _value(value))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def with_setting(document: Any, pointer: tuple[str, ...], value: Any) -> Any:
    """The document with that field; `-` after a list's name adds to it. ChangeError where there is no such place."""
    name, *rest = pointer
    if isinstance(document, list):
        return _in_list(document, name, tuple(rest), value)
    if not isinstance(document, Mapping):
        raise ChangeError(f"there is no {name} in {json.dumps(document)}")
    if not rest:
        return {**document, name: value}
    if name not in document:
        raise ChangeError(f"there is no {name}; there are {', '.join(document)}")
    return {**document, name: with_setting(document[name], tuple(rest), value)}


def _in_list(document: list[Any], name: str, rest: tuple[str, ...], value: Any) -> list[Any]:
    if name == "-" and not rest:
        return [*document, value]
    if not name.isdecimal() or int(name) >= len(document):
        raise ChangeError(f"there is no {name} in a list of {len(document)}; - adds to it")
    place = int(name)
    changed = with_setting(document[place], rest, value) if rest else value
    return [*document[:place], changed, *document[place + 1 :]]
