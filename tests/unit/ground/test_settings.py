"""Settings are documented, secrets have no default, and errors name the variable."""

import re
from pathlib import Path

import pytest

from beacon_service.settings import DatabaseSettings, Settings, SettingsError

OPERATIONS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
SECRET = "a secret of the tests, long enough to pass"


def test_keys_that_are_not_json_are_told_in_a_sentence(monkeypatch):
    monkeypatch.setenv("BEACON_IDENTITY_KEYS", "{bad")
    with pytest.raises(SettingsError, match="BEACON_IDENTITY_KEYS: it is not valid JSON"):
        Settings.load()


def test_every_setting_is_described_and_documented():
    for name, field in Settings.model_fields.items():
        assert field.description
        assert f"`BEACON_{name.upper()}`" in OPERATIONS, f"docs/operations.md does not name {name}"


def test_the_documentation_names_no_setting_that_does_not_exist():
    named = {name.lower() for name in re.findall(r"`BEACON_([A-Z_]+)`", OPERATIONS)}
    assert named <= set(Settings.model_fields)


def test_documented_defaults_are_the_defaults():
    rows = re.findall(r"^\| `BEACON_([A-Z_]+)` \| ([^|]*) \|", OPERATIONS, re.MULTILINE)
    documented = {name.lower(): default.strip() for name, default in rows}
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() or field.default is None else str(field.default)
        assert documented[name].strip("`") == default


def test_no_secret_has_a_default():
    assert Settings().identity_keys == ()


def test_every_error_is_named_in_one_sentence(monkeypatch):
    monkeypatch.setenv("BEACON_WEB_THREADS", "0")
    monkeypatch.setenv("BEACON_PORT", "http")
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    said = str(raised.value)
    assert "BEACON_PORT" in said
    assert "BEACON_WEB_THREADS" in said
    assert "\n" not in said


def test_a_secret_does_not_show_in_what_is_printed():
    keys = [{"alg": "HS256", "key": SECRET}]
    assert SECRET not in repr(Settings(identity_keys=keys))


@pytest.mark.parametrize("url", ["postgres://u@db/x", "postgresql://u@db/x", "postgresql+psycopg://u@db/x"])
def test_the_driver_is_named_whatever_the_spelling(url):
    assert DatabaseSettings(database_url=url).database_url == "postgresql+psycopg://u@db/x"


def test_a_password_with_signs_survives():
    given = "postgresql+psycopg://u:p%40ss%2Fword@db/x"
    assert DatabaseSettings(database_url=given).database_url == given
