from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.auth.model import Principal
from beacon_service.auth.rates import Meter, Rate, RateLimits, parse_rate
from beacon_service.errors import RateLimited

NOW_S = 1_780_488_000.0

APP = Principal("key_app", "publishable", frozenset())
BACKEND = Principal("key_backend", "secret", frozenset({"ping"}))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("240/minute", Rate(240, 60)),
        ("3 per hour", Rate(3, 3600)),
        ("5/fortnight", None),
        ("0/second", None),
        ("many", None),
    ],
)
def test_a_rate_is_written_as_a_number_and_a_period(text, rate):
    if rate is None:
        with pytest.raises(ValueError, match="is not a rate such as"):
            parse_rate(text)
    else:
        assert parse_rate(text) == rate


def test_so_many_may_ask_at_once_and_then_one_at_each_step():
    meter = Meter(Rate(2, 60))
    waits = [meter.wait_s("a", NOW_S + after_s) for after_s in (0, 0, 0, 29, 30, 30, 60, 90, 300, 300, 300)]
    assert waits == pytest.approx([0, 0, 30, 1, 0, 30, 0, 0, 0, 0, 30], abs=0.001)


def test_names_do_not_disturb_one_another():
    meter = Meter(Rate(1, 60))
    assert meter.wait_s("a", NOW_S) == 0
    assert meter.wait_s("b", NOW_S) == 0
    assert meter.wait_s("a", NOW_S) > 0


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from("ab")), min_size=1, max_size=60),
)
def test_no_stretch_of_a_period_lets_through_more_than_twice_the_rate(most, steps):
    meter, at_s, let_through = Meter(Rate(most, 10)), NOW_S, {"a": [], "b": []}
    for pause_s, name in steps:
        at_s += pause_s
        if meter.wait_s(name, at_s) == 0:
            let_through[name].append(at_s)
    for times in let_through.values():
        for start_s in times:
            within = [at_s for at_s in times if start_s <= at_s < start_s + 10]
            assert len(within) <= 2 * most


def test_a_clock_that_is_set_back_shuts_nobody_out():
    meter = Meter(Rate(2, 1))
    assert [meter.wait_s("a", NOW_S) for _ in range(2)] == [0, 0]
    assert [meter.wait_s("a", NOW_S - 3600) for _ in range(2)] == [0, 0]
    assert meter.wait_s("a", NOW_S - 3600) > 0


def test_names_that_have_fallen_silent_are_forgotten():
    meter = Meter(Rate(1, 10))
    for number in range(1000):
        meter.wait_s(str(number), NOW_S)
    for after_s in (11, 22, 33):
        meter.wait_s("a", NOW_S + after_s)
    assert len(meter._recent) + len(meter._older) <= 2


@pytest.fixture
def limits():
    return RateLimits(
        SimpleNamespace(
            rate_limit_key="8/minute",
            rate_limit_address="6/minute",
            rate_limit_installation="2/minute",
            rate_limit_registration="4/minute",
        )
    )


def admitted(limits, who, count, **named):
    """How many of so many requests at one moment are let in, and what the first other one is told."""
    for number in range(count):
        try:
            limits.admit(who, NOW_S, **named)
        except RateLimited as refused:
            return number, refused
    return count, None


def test_an_installation_is_bound_by_its_own_limit(limits):
    number, refused = admitted(limits, APP, 5, address="192.0.2.1", installation_id="phone-1")
    assert number == 2
    assert refused.retry_after_s == 30
    assert "this installation" in refused.detail
    assert admitted(limits, APP, 1, address="192.0.2.1", installation_id="phone-2") == (1, None)


def test_an_address_is_bound_over_all_its_installations(limits):
    for number in range(6):
        limits.admit(APP, NOW_S, address="192.0.2.1", installation_id=f"phone-{number}")
    with pytest.raises(RateLimited, match="network address"):
        limits.admit(APP, NOW_S, address="192.0.2.1", installation_id="phone-7")
    limits.admit(APP, NOW_S, address="192.0.2.2", installation_id="phone-8")


def test_a_key_is_bound_over_all_addresses(limits):
    for number in range(8):
        limits.admit(APP, NOW_S, address=f"192.0.2.{number}")
    with pytest.raises(RateLimited, match="this key"):
        limits.admit(APP, NOW_S, address="192.0.2.99")


def test_registrations_have_a_limit_of_their_own(limits):
    number, refused = admitted(limits, APP, 6, address="192.0.2.1", registers=True)
    assert number == 4
    assert "registrations" in refused.detail


def test_a_secret_key_speaks_for_many_and_is_bound_by_the_keys_limit_alone(limits):
    number, refused = admitted(
        limits, BACKEND, 20, address="192.0.2.1", installation_id="phone-1", registers=True
    )
    assert number == 8
    assert "this key" in refused.detail


def test_when_one_would_be_allowed_can_be_asked_without_counting():
    meter = Meter(Rate(2, 60))
    assert [meter.due_s("a", 0.0) for _ in range(5)] == [0.0] * 5
    assert [meter.wait_s("a", 0.0) for _ in range(2)] == [0.0, 0.0]
    assert meter.due_s("a", 0.0) == meter.wait_s("a", 0.0) == pytest.approx(30)
    assert meter.due_s("a", 30.0) == meter.due_s("b", 0.0) == 0.0
