"""What docs/campaigns.md shows is what the service takes, and every reason is told somewhere."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from beacon_service.campaigns.decision import Reason
from beacon_service.campaigns.score import affinity, distance, dwell
from beacon_service.campaigns.verdict import RULES
from tests.factories.brand import Brand, zone_body
from tests.factories.shop import Shop

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "campaigns.md").read_text()
EXAMPLES = re.findall(r"```\n(\w+) /v1(\S+)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
RULE_TABLE = (DOCS / "dataflow.md").read_text()


def test_the_examples_are_taken(app, clock):
    clock.now_at = datetime(2026, 11, 5, 15, tzinfo=UTC)
    brand, shop = Brand(app, clock), Shop(app, clock)
    site = {"name": "Harbour store", "time_zone": "Europe/Amsterdam"}
    assert brand.put("/sites/harbour-store", site).status_code == 201
    assert brand.put("/sites/harbour-store/zones/wine", zone_body(name="Wine")).status_code == 201
    shop.phone("phone", customer="anna")
    assert len(EXAMPLES) == 11
    for method, path, body in EXAMPLES:
        answer = getattr(brand, method.lower())(path, json.loads(body))
        assert answer.status_code in {200, 201}, (path, answer.text)
        if path == "/decisions:dryRun":
            assert answer.json["campaign"] == "wine-for-two"


def test_the_worked_example_of_a_context_is_what_it_comes_to():
    anna = affinity(["wine"], {"wine": 3 / 4}) * dwell(240) * distance(10)
    parts = [affinity([], {}), affinity(["wine"], {"wine": 0.75}), dwell(240), distance(10), anna]
    assert [round(part, 2) for part in parts] == [1.0, 1.75, 1.67, 1.67, 4.86]
    assert "1.75 x 1.67 x 1.67 = 4.86" in PAGE
    assert (dwell(120), distance(20)) == (1.5, 1.5)


def test_every_rule_and_its_reason_is_in_the_table_in_order():
    told = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", RULE_TABLE, re.MULTILINE)
    named = [(rule, reason) for rule, reason in told if rule in {one.__name__ for one in RULES}]
    assert [rule for rule, _ in named] == [rule.__name__ for rule in RULES]
    assert [reason for _, reason in named] == [reason.value for reason in Reason][: len(RULES)]


def test_the_other_reasons_are_told_too():
    untold = [reason.value for reason in Reason if f"`{reason.value}`" not in RULE_TABLE]
    assert untold == []
