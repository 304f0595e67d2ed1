"""Stays of a customer's phones joined into visits, and which of their moves are moments."""

from datetime import timedelta

from beacon_service.visits.join import GAP, join
from beacon_service.visits.model import Move, Visit
from tests.factories.presence import at

MICROSECOND = timedelta(microseconds=1)


def joined(*moves):
    """The visit to the café after the moves, and for each whether it was a moment."""
    visits, moments = {}, []
    for type_, when, *dwell_s in moves:
        instant = at(when) if isinstance(when, int | float) else when
        move = Move("shop/cafe", type_, instant, 1.0, *dwell_s)
        visits["shop/cafe"], is_moment = join(visits, "shop/cafe", move)
        moments.append(is_moment)
    return visits["shop/cafe"], moments


def test_a_first_entry_begins_the_first_visit_and_is_a_moment():
    visit, moments = joined(("entered", 0))
    assert visit == Visit(number=1, started_at=at(0), open=1)
    assert moments == [True]


def test_back_within_ten_minutes_is_the_same_visit_and_no_moment():
    visit, moments = joined(("entered", 0), ("exited", 60), ("entered", 300))
    assert (visit.number, visit.started_at, visit.open) == (1, at(0), 1)
    assert moments == [True, True, False]


def test_a_gap_of_exactly_ten_minutes_still_joins_and_a_microsecond_more_does_not():
    assert timedelta(minutes=10) == GAP
    visit, moments = joined(("entered", 0), ("exited", 60), ("entered", at(660)))
    assert (visit.number, moments[-1]) == (1, False)
    visit, moments = joined(("entered", 0), ("exited", 60), ("entered", at(660) + MICROSECOND))
    assert (visit.number, moments[-1]) == (2, True)
    assert visit.started_at == at(660) + MICROSECOND


def test_a_second_phone_makes_no_moment_and_the_visit_ends_with_the_last():
    visit, moments = joined(("entered", 0), ("entered", 20), ("exited", 100), ("exited", 130))
    assert moments == [True, False, False, True]
    assert (visit.open, visit.left_at) == (0, at(130))


def test_the_gap_runs_from_the_last_phone_that_left():
    visit, _ = joined(("entered", 0), ("entered", 20), ("exited", 100), ("exited", 500), ("entered", 1100))
    assert visit.number == 1


def test_while_one_phone_is_inside_no_gap_is_too_long():
    visit, moments = joined(("entered", 0), ("entered", 20), ("exited", 40), ("entered", 40_000))
    assert (visit.number, visit.open, moments[-1]) == (1, 2, False)


def test_an_exit_that_comes_to_be_known_late_does_not_bring_the_end_forward():
    """Another phone's silence is noticed after the exit of the first, though it lies before it."""
    visit, _ = joined(("entered", 0), ("exited", 500), ("entered", 510), ("exited", 400))
    assert visit.left_at == at(500)


def test_of_two_phones_the_later_exit_ends_the_visit_also_where_the_earlier_is_told_last():
    visit, moments = joined(("entered", 0), ("entered", 5), ("exited", 70), ("exited", 60), ("entered", 665))
    assert (visit.number, visit.left_at, visit.open) == (1, at(70), 1)
    assert moments == [True, False, False, True, False]


def test_a_threshold_is_a_moment_once_a_visit_whichever_phone_passes_it():
    visit, moments = joined(
        ("entered", 0), ("entered", 5), ("dwelled", 30, 30), ("dwelled", 35, 30), ("dwelled", 60, 60)
    )
    assert moments == [True, False, True, False, True]
    assert visit.dwelled_s == (30, 60)


def test_a_threshold_stays_passed_over_a_short_absence_and_is_new_on_the_next_visit():
    short = [("entered", 0), ("dwelled", 30, 30), ("exited", 60), ("entered", 120), ("dwelled", 150, 30)]
    assert joined(*short)[1][-1] is False
    long = [("entered", 0), ("dwelled", 30, 30), ("exited", 60), ("entered", 1200), ("dwelled", 1230, 30)]
    visit, moments = joined(*long)
    assert moments[-1] is True
    assert visit == Visit(number=2, started_at=at(1200), open=1, dwelled_s=(30,), before_at=at(60))


def test_when_the_visit_before_ended_is_remembered_as_long_as_the_next_one_lasts_and_after():
    back = [("entered", 0), ("exited", 60), ("entered", 1200)]
    assert joined(*back)[0].before_at == at(60)
    visit, _ = joined(*back, ("exited", 1300), ("entered", 1400), ("exited", 1500))
    assert (visit.number, visit.before_at, visit.left_at) == (2, at(60), at(1500))


def test_moves_of_a_visit_that_was_forgotten_are_no_moments():
    visit, moments = joined(("dwelled", 30, 30))
    assert (visit.open, moments) == (0, [False])
    visit, moments = joined(("exited", 30))
    assert (visit.open, moments) == (0, [False])


def test_one_exit_too_many_leaves_no_one_owing():
    visit, _ = joined(("entered", 0), ("exited", 10), ("exited", 20), ("entered", 30))
    assert visit.open == 1
