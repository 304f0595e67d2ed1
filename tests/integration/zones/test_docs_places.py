"""What docs/api.md shows of places is what the service takes."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from beacon_service.zones.categories import SENSITIVE, Category
from tests.factories.brand import faults

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
PLACES = PAGE[PAGE.index("## Places") : PAGE.index("## Beacons")]
EXAMPLES = re.findall(r"```\n(PUT|POST) /v1(\S+)\n```\n\n```json\n(.*?)```", PLACES, re.DOTALL)


def test_the_examples_are_taken_as_they_stand(brand):
    for method, path, body in EXAMPLES[:-1]:
        assert method == "PUT"
        answer = brand.put(path, json.loads(body))
        assert answer.status_code == 201, answer.text
    method, path, body = EXAMPLES[-1]
    refused = faults(brand.post(path, json.loads(body)))
    ((where, what),) = refused.items()
    assert f"`{where}` `{what}`" in PLACES
    repaired = json.loads(body)
    repaired["features"][0]["properties"]["radius_m"] = 5
    assert brand.post(path, repaired).json["created"] == 2
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("category", get_args(Category))
def test_every_category_is_listed_on_its_side(category):
    ordinary, sensitive = PLACES[PLACES.index("`category` says") : PLACES.index("Those make")].split(
        "by nature"
    )
    assert f"`{category}`" in (sensitive if category in SENSITIVE else ordinary)
