"""What docs/audiences.md shows is what the service takes."""

import json
import re
from pathlib import Path

import pytest

from beacon_service.campaigns.audience import KINDS, TESTS
from beacon_service.campaigns.rules import rule_flaws
from tests.factories.brand import site_body, zone_body

PAGE = (Path(__file__).parents[3] / "docs" / "audiences.md").read_text()
EXAMPLES = re.findall(r"```\n(PUT|POST) /v1(\S+)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
ROWS = [json.loads(row) for row in re.findall(r"^\| `(\{.*?\})` \|", PAGE, re.MULTILINE)]


def told(answer):
    """Whether the page shows such an object, whatever the order of its fields."""
    flat = [one for one in re.findall(r"\{[^{}]*\}", PAGE) if min(answer) in one]
    return any(json.loads(one) == answer for one in flat if "rule" not in one)


@pytest.fixture
def harbour(brand):
    brand.put("/sites/harbour", site_body())
    brand.put("/sites/harbour/zones/wine-bar", zone_body())
    return brand


def test_the_examples_are_taken_as_they_stand(harbour):
    assert len(EXAMPLES) == 6
    # A rule may stand in the text before the list that it names.
    for method, path, body in sorted(EXAMPLES, key=lambda example: "/lists/invited" not in example[1]):
        answer = getattr(harbour, method.lower())(path, json.loads(body))
        assert answer.status_code in {200, 201}, answer.text
    assert harbour.get("/audiences/regulars/size").json.keys() == {"customers", "share", "estimated"}
    assert harbour.get("/customers/anna/audiences").json == {"audiences": [], "lists": ["invited"]}


def test_what_is_answered_to_the_events_is_what_is_told(harbour):
    ((_, path, body),) = [example for example in EXAMPLES if example[1].endswith("/events")]
    first, _ = harbour.post(path, json.loads(body)).json["results"]
    assert told(first)


def test_putting_on_a_list_answers_what_is_told(harbour):
    harbour.put("/customers/anna", {})
    (named, members) = [example for example in EXAMPLES if example[1].startswith("/lists/")]
    harbour.put(named[1], json.loads(named[2]))
    assert told(harbour.put(members[1], json.loads(members[2])).json)


def test_every_kind_of_test_and_every_operator_is_told(harbour):
    assert {kind for row in ROWS for kind in row if kind in (*KINDS, "audience")} == {*KINDS, "audience"}
    assert [flaw for row in ROWS for flaw in rule_flaws(row)] == []
    operators = PAGE[PAGE.index("### Attributes") : PAGE.index("### Visits")]
    assert all(f"`{op}`" in operators for op in TESTS)
