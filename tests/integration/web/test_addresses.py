"""Whatever stands in an address, it is answered: found, not found, or refused with a reason."""

import re

import pytest

from beacon_service.auth import SCOPES

# PostgreSQL stores no text that holds it.
NUL = "a%00b"


@pytest.fixture
def backend(keys):
    return keys.make(scopes=list(SCOPES)).header


def broken(client, backend, asked):
    """Those that ended in a mistake of ours."""
    answers = [(method, path, client.open(path, method=method, headers=backend)) for method, path in asked]
    assert answers, "nothing was asked"
    return [(method, path) for method, path, answer in answers if answer.status_code >= 500]


def test_a_name_that_cannot_be_stored_is_nobodys(app, client, backend):
    asked = [
        (method, re.sub(r"<(?:string:)?\w+>", NUL, rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
        if re.search(r"<(?:string:)?\w+>", rule.rule) and not re.search(r"<(?!string)\w+:", rule.rule)
    ]
    assert broken(client, backend, asked) == []


def test_nor_is_anything_found_by_it(client, backend):
    needed = {"latitude": "1", "longitude": "2", "before": "1", "after": "2"}
    asked = []
    for path, methods in client.get("/openapi.json").json["paths"].items():
        if "get" not in methods:
            continue
        query = [one["name"] for one in methods["get"].get("parameters", ()) if one["in"] == "query"]
        rest = "".join(f"&{name}={needed[name]}" for name in query if name in needed)
        plain = re.sub(r"\{\w+\}", "none", path)
        asked += [("GET", f"{plain}?{name}={NUL}{rest}") for name in query if name not in needed]
    assert broken(client, backend, asked) == []
