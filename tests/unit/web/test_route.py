"""A URL is built as Werkzeug would, and nothing is prepared for it before."""

import pytest
from werkzeug.routing import Map, Rule

from beacon_service.web.route import Route

PATTERN = "/v1/sites/<site>/zones/<zone>"


def adapter(kind):
    return Map([kind(PATTERN, endpoint="zone"), kind("/v1/rules", endpoint="rules")]).bind("localhost")


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("zone", {"site": "a b", "zone": "Käse"}),
        ("zone", {"site": "a", "zone": "b", "limit": 5}),
        ("rules", {"rule": "a name that Werkzeug's own argument might have"}),
    ],
)
def test_it_is_built_as_by_any_rule_however_often(endpoint, values):
    ours = adapter(Route)
    for _ in range(2):
        assert ours.build(endpoint, values) == adapter(Rule).build(endpoint, values)


def test_nothing_is_compiled_before_it_is_asked_for(monkeypatch):
    compiled = []

    def noted(rule, append_unknown=True):
        compiled.append(rule.rule)
        return adapter

    monkeypatch.setattr(Rule, "_compile_builder", noted)
    assert adapter(Route).match("/v1/sites/a/zones/b") == ("zone", {"site": "a", "zone": "b"})
    assert compiled == []
    adapter(Rule)
    assert compiled != []
