"""What docs/backtests.md shows is what the service takes and answers."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from beacon_service.backtests.documents import Changeable
from beacon_service.worker import Worker
from tests.factories.backtests import told
from tests.factories.brand import campaign_body
from tests.factories.people import People

PAGE = (Path(__file__).parents[3] / "docs" / "backtests.md").read_text()
((PATH, BODY),) = re.findall(r"```\nPOST (\S+)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def done(app, clock, settings):
    """The example, asked for and run."""
    clock.now_at = datetime(2026, 11, 5, 15, tzinfo=UTC)
    shop = People(app, clock)
    shop.ask("PUT", "/v1/sites/shop", {"name": "Shop", "time_zone": "Europe/Amsterdam"})
    zone = {"name": "Cafe", "geometry": {"type": "Point", "coordinates": [4.9, 52.37]}, "radius_m": 10}
    assert shop.ask("PUT", "/v1/sites/shop/zones/cafe", zone).status_code == 201
    assert shop.ask("PUT", "/v1/campaigns/wine-for-two", campaign_body(status="draft")).status_code == 201
    answer = shop.ask("POST", PATH, json.loads(BODY))
    assert answer.status_code == 202, answer.text
    worker = Worker(settings, settings.database_url, clock)
    worker.run_backtests()
    worker.close()
    return told(shop, answer.json["id"])


def test_the_example_is_taken_and_run(done):
    assert (done["status"], done["error"]) == ("done", None)
    assert [one["key"] for one in done["changes"]] == ["coffee-to-go", "tea-time", "wine-for-two"]


def test_every_field_of_a_report_is_in_the_table_and_no_other(done):
    table = PAGE[PAGE.index("## The report") : PAGE.index("## Examples")]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(first))) == sorted(done["report"])


def test_every_kind_is_in_the_table_and_no_other():
    table = PAGE[PAGE.index("| `kind` |") : PAGE.index("A body is checked")]
    first = [line.split("|")[1] for line in table.splitlines()[2:] if line]
    assert sorted(re.findall(r"`(\w+)`", " ".join(first))) == sorted(get_args(Changeable))
