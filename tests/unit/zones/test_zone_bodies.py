"""What a zone's body may say."""

import pytest
from pydantic import ValidationError

from beacon_service.web.faults import faults_of
from beacon_service.zones.categories import SENSITIVE
from beacon_service.zones.schema import SiteIn, ZoneIn
from tests.factories.brand import site_body, zone_body


def wrong(model, body):
    with pytest.raises(ValidationError) as raised:
        model.model_validate(body)
    faults = faults_of(raised.value, "json")
    assert all(fault["do"] for fault in faults)
    return [fault["where"] for fault in faults]


def zone(**fields):
    return ZoneIn.model_validate(zone_body(**fields)).document("shop", "cafe")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("enter_confirm", [1, 10]),
        ("exit_hold_s", [0, 3600]),
        ("dwell_s", [[], [1], [86_400], list(range(1, 11))]),
        ("priority", [-1_000_000, 1_000_000]),
    ],
)
def test_the_bounds_of_what_a_zone_overrides_are_allowed(field, values):
    assert [zone(**{field: value})[field] for value in values] == values


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("enter_confirm", [0, 11, 1.5, True, "2"]),
        ("exit_hold_s", [-1, 3601, 0.5, "10"]),
        ("dwell_s", [[0], [86_401], list(range(1, 12)), 60, ["60"]]),
        ("priority", [1_000_001, None]),
        ("radius_m", [30, 0.4, 50_001, "30"]),  # 30: of a polygon
        ("category", ["casino", 1]),
        ("parent", ["a b", 7]),
        ("sensitive", ["no", 0, None]),
    ],
)
def test_beyond_them_the_field_is_named(field, values):
    for value in values:
        assert [where.split("/")[1] for where in wrong(ZoneIn, zone_body(**{field: value}))] == [field]


def test_thresholds_and_tags_are_kept_once_and_in_order():
    kept = zone(dwell_s=[60, 10, 60], tags=["b", "a", "b"])

    assert (kept["dwell_s"], kept["tags"]) == ([10, 60], ["a", "b"])


def test_what_is_left_out_is_not_kept_so_that_earlier_documents_stay_the_same():
    assert set(zone()) == {
        *("site", "id", "floor", "name", "geometry", "tags", "priority"),
        *("sensitive", "dwell_s", "enter_confirm", "exit_hold_s"),
    }
    assert set(SiteIn.model_validate(site_body()).document("shop")) == {"id", "name", "time_zone"}


@pytest.mark.parametrize("category", sorted(SENSITIVE))
def test_a_sensitive_category_makes_the_zone_sensitive(category):
    assert zone(category=category)["sensitive"] is True
    assert zone(category=category, sensitive=True)["sensitive"] is True
    assert wrong(ZoneIn, zone_body(category=category, sensitive=False)) == ["/sensitive"]


def test_other_categories_leave_it_open():
    assert [zone(category="food", sensitive=value)["sensitive"] for value in (False, True)] == [False, True]
    assert zone(category="food")["sensitive"] is False


def hours(*days, opens="09:00", closes="21:00"):
    return {"days": list(days or ["mon"]), "opens": opens, "closes": closes}


@pytest.mark.parametrize("model", [SiteIn, ZoneIn], ids=["site", "zone"])
@pytest.mark.parametrize(
    ("given", "where"),
    [
        ([], "/hours"),
        ([hours(opens="9:00")], "/hours/0/opens"),
        ([hours(opens="24:00", closes="02:00")], "/hours/0/opens"),
        ([hours(), hours(closes="24:01")], "/hours/1/closes"),
        ([hours(opens="09:00", closes="09:00")], "/hours/0/closes"),
        ([hours("monday")], "/hours/0/days/0"),
        ([hours() | {"days": []}], "/hours/0/days"),
        ([hours() | {"from": "09:00"}], "/hours/0/from"),
        ([hours()] * 51, "/hours"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_their_place(model, given, where):
    body = site_body(hours=given) if model is SiteIn else zone_body(hours=given)
    assert wrong(model, body) == [where]


def test_days_of_hours_are_kept_once_and_in_the_order_of_the_week():
    kept = zone(hours=[hours("sun", "mon", "sun", closes="24:00")])

    assert kept["hours"] == [{"days": ["mon", "sun"], "opens": "09:00", "closes": "24:00"}]
