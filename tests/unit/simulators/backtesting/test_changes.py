"""What is to be otherwise, as it is said on the command line."""

import json

import pytest

from simulators.backtesting.changes import ChangeError, Setting, read_changes, read_setting, with_setting

COFFEE = {"name": "Coffee", "caps": [{"limit": 1}, {"limit": 2}], "audience": None}


@pytest.mark.parametrize(
    ("text", "setting", "path"),
    [
        ("campaign/coffee/priority=5", ("campaign", "coffee", ("priority",), 5), "/v1/campaigns/coffee"),
        (
            "campaign/coffee/caps/0/limit=2",
            ("campaign", "coffee", ("caps", "0", "limit"), 2),
            "/v1/campaigns/coffee",
        ),
        ("policy/hold_out=0.1", ("policy", "policy", ("hold_out",), 0.1), "/v1/policy"),
        ("zone/shop/cafe/name=Bar", ("zone", "shop/cafe", ("name",), "Bar"), "/v1/sites/shop/zones/cafe"),
        ("campaign/coffee/caps=[]", ("campaign", "coffee", ("caps",), []), "/v1/campaigns/coffee"),
        ("campaign/a/name=x=y", ("campaign", "a", ("name",), "x=y"), "/v1/campaigns/a"),
    ],
)
def test_a_setting_names_a_field_of_a_document(text, setting, path):
    found = read_setting(text)
    assert (found, found.path) == (Setting(*setting), path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("campaign/coffee/priority", "say kind/id/field=value"),
        ("coffee/priority=5", "kinds are campaign, policy"),
        ("zone/shop=5", "a zone has 2 ids"),
        ("campaign/coffee=5", "a campaign has 1 id, and then comes a field"),
    ],
)
def test_a_setting_that_names_none_says_how_it_would(text, says):
    with pytest.raises(ChangeError, match=says):
        read_setting(text)


def test_a_field_is_set_where_it_stands_and_nothing_else_changes():
    assert with_setting(COFFEE, ("caps", "1", "limit"), 9) == COFFEE | {"caps": [{"limit": 1}, {"limit": 9}]}
    assert with_setting(COFFEE, ("priority",), 3) == COFFEE | {"priority": 3}
    assert with_setting(COFFEE, ("caps", "-"), {"limit": 3})["caps"][2:] == [{"limit": 3}]
    assert COFFEE["caps"] == [{"limit": 1}, {"limit": 2}]


@pytest.mark.parametrize("pointer", [("caps", "2", "limit"), ("caps", "first"), ("cap", "0"), ("name", "0")])
def test_a_place_that_there_is_not_is_told(pointer):
    with pytest.raises(ChangeError, match="there is no"):
        with_setting(COFFEE, pointer, 1)


def test_a_file_holds_a_change_or_several(tmp_path):
    change = {"kind": "campaign", "key": "coffee", "body": None}
    for written in (change, [change]):
        (tmp_path / "change.json").write_text(json.dumps(written))
        assert read_changes(tmp_path / "change.json") == [change]


@pytest.mark.parametrize("written", ["{", '{"kind": "campaign"}', "[1]"])
def test_a_file_that_holds_none_says_what_it_needs(tmp_path, written):
    (tmp_path / "change.json").write_text(written)
    with pytest.raises(ChangeError, match=r"change\.json"):
        read_changes(tmp_path / "change.json")
