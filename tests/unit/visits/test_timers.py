"""What time alone makes of a stay: thresholds of dwell, exits after a hold, exits of silence."""

from datetime import timedelta

from beacon_service.visits.advance import fire, next_due
from tests.factories.presence import IN, NOTHING, NOWHERE, OUT, SURE, UNSURE, at, follow, shop, told

LONG = timedelta(days=1).total_seconds()


def after(pings, seconds, **given):
    """The moves that time makes after the pings, up to so many seconds after noon."""
    presence, _ = follow(pings, **given)
    fired, moves = fire(presence, at(seconds), given.get("world") or shop())
    return fired, told(moves)


def test_a_threshold_is_due_after_entry_and_moves_at_its_due_time():
    given = {"world": shop(dwell_s=[60])}
    assert after([(5, SURE)], 64.9, **given)[1] == []
    assert after([(5, SURE)], 65, **given)[1] == ["cafe dwelled(60) 65"]
    assert after([(5, SURE)], 300, **given)[1] == ["cafe dwelled(60) 65"]


def test_thresholds_are_the_zones_and_those_of_campaigns_each_once():
    dwells = {"shop/cafe": (30, 60), "shop/bar": (10,)}
    _, moves = after([(0, SURE)], 100, world=shop(dwell_s=[60, 90]), dwells=dwells)
    assert moves == ["cafe dwelled(30) 30", "cafe dwelled(60) 60", "cafe dwelled(90) 90"]


def test_time_runs_from_the_entry_and_not_from_the_first_sign():
    assert after([(0, IN), (20, IN)], 85, world=shop(dwell_s=[60]))[1] == ["cafe dwelled(60) 80"]


def test_a_threshold_waits_while_one_is_leaving():
    assert after([(0, SURE), (55, OUT)], 64, world=shop(dwell_s=[60]))[1] == []
    assert after([(0, SURE), (55, OUT)], 100, world=shop(dwell_s=[60]))[1] == ["cafe exited 65"]


def test_a_threshold_passed_while_leaving_moves_when_one_is_back():
    _, moves = follow([(0, SURE), (55, OUT), (62, IN), (63, IN)], shop(dwell_s=[60]))
    assert told(moves) == ["cafe entered 0", "cafe dwelled(60) 62"]


def test_a_threshold_of_the_same_instant_comes_before_the_exit():
    given = {"world": shop(dwell_s=[420])}
    assert after([(0, SURE)], LONG, **given)[1] == ["cafe dwelled(420) 420", "cafe exited 420"]


def test_silence_ends_a_stay_after_seven_minutes():
    assert after([(0, SURE), (100, IN)], 519, world=shop())[1] == []
    assert after([(0, SURE), (100, IN)], LONG, world=shop())[1] == ["cafe exited 520"]


def test_a_background_scan_every_five_minutes_keeps_a_stay():
    presence, moves = follow([(minute * 60, SURE) for minute in range(0, 60, 5)])
    assert told(moves) == ["cafe entered 0"]
    assert next_due(presence) == at(55 * 60 + 420)


def test_pings_that_say_nothing_of_the_place_do_not_put_silence_off():
    for empty in (NOTHING, UNSURE):
        _, moves = follow([(0, SURE), *((second, empty) for second in range(60, 600, 60))])
        assert told(moves) == ["cafe entered 0", "cafe exited 420"]


def test_a_zone_that_holds_longer_than_silence_holds_through_silence():
    assert after([(0, SURE)], LONG, world=shop(exit_hold_s=900))[1] == ["cafe exited 900"]


def test_a_long_hold_runs_from_leaving_whatever_the_silence():
    assert after([(0, SURE), (60, OUT)], LONG, world=shop(exit_hold_s=900))[1] == ["cafe exited 960"]


def test_an_entry_has_no_timers():
    presence, _ = follow([(0, IN)])
    assert next_due(presence) is None
    assert fire(presence, at(LONG), shop()) == (presence, ())


def test_firing_again_gives_nothing():
    once, moves = after([(0, SURE)], 500, world=shop(dwell_s=[60]))
    assert moves == ["cafe dwelled(60) 60", "cafe exited 420"]
    assert fire(once, at(500), shop()) == (once, ())
    assert once.fired_at == at(420)


def test_firing_in_steps_is_firing_at_once():
    presence, _ = follow([(0, SURE)], shop(dwell_s=[60, 120]))
    stepwise, moves = presence, []
    for second in range(0, 500, 7):
        stepwise, made = fire(stepwise, at(second), shop())
        moves += made
    assert (stepwise, tuple(moves)) == fire(presence, at(500), shop())


def test_the_next_timer_is_the_earliest_of_all_stays():
    presence, _ = follow([(0, SURE)], shop(dwell_s=[60]))
    assert next_due(presence) == at(60)
    presence, _ = follow([(40, OUT)], shop(), presence)
    assert next_due(presence) == at(50)
    assert next_due(fire(presence, at(50), shop())[0]) is None


def test_a_silent_exit_is_a_guess_and_says_so():
    presence, _ = follow([(0, SURE), (10, NOWHERE)])
    (exit_,) = fire(presence, at(LONG), shop())[1]
    assert (exit_.probability, exit_.confidence) == (0.5, 1)
