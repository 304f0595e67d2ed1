"""What may be asked of a backtest, and how long it is told to take."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError

from beacon_service.backtests.documents import SORTS, key_flaw
from beacon_service.backtests.model import Asked
from beacon_service.backtests.requests import Request, State
from beacon_service.backtests.schema import BacktestIn

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
ASKED = Request(Asked(NOON, NOON + timedelta(days=1)))
KEYS = {
    "site": ("shop", "shop/cafe"),
    "floor": ("shop/ground", "ground"),
    "zone": ("shop/cafe", "shop/cafe/bar"),
    "beacon": ("b:1", "b 1"),
    "radio_map": ("shop", ""),
    "campaign": ("coffee", "coffee/tea"),
    "policy": ("policy", "coffee"),
    "audience": ("gold", "x" * 65),
    "product": ("beans", "beans\n"),
    "stock": ("shop/beans", "/beans"),
}


def running(**fields):
    plain = dict.fromkeys(State._fields) | {"id": UUID(int=1), "request": ASKED, "status": "running"}
    return State(
        **plain | {"begun_at": NOON, "told_at": NOON + timedelta(seconds=30), "share": 0.25} | fields
    )


@pytest.mark.parametrize("kind", SORTS)
def test_a_key_is_of_its_kind(kind):
    fits, does_not = KEYS[kind]
    assert key_flaw(kind, fits) is None
    assert key_flaw(kind, does_not).do.startswith("Send ")


def test_it_takes_as_long_as_it_took_so_far():
    # A quarter in 30 s leaves 90 s; 10 s of them have gone since that was told.
    assert running().remaining_s(NOON + timedelta(seconds=40)) == 80.0
    assert running().remaining_s(NOON + timedelta(minutes=9)) == 0.0


@pytest.mark.parametrize(
    "fields", [{"status": "queued"}, {"status": "done"}, {"share": 0.0}, {"told_at": None}]
)
def test_where_nothing_is_known_of_it_nothing_is_told(fields):
    assert running(**fields).remaining_s(NOON) is None


def test_what_is_not_a_body_of_its_kind_is_not_looked_at_for_a_kind_that_there_is_not():
    change = {"kind": "weather", "key": "a/b/c", "body": {"name": 5}}
    with pytest.raises(ValidationError) as refused:
        BacktestIn.model_validate(
            {"from": "2026-06-03T12:00:00Z", "to": "2026-06-04T12:00:00Z", "changes": [change]}
        )
    assert [one["loc"] for one in refused.value.errors()] == [("changes", 0, "kind")]
