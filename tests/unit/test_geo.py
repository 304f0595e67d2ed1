import pytest

from beacon_service.geo import METRES_PER_DEGREE, degrees, distance_m

AMSTERDAM = (4.9041, 52.3676)
ROTTERDAM = (4.4777, 51.9244)


def test_a_degree_of_latitude_is_111_kilometres():
    assert pytest.approx(111_195, abs=1) == METRES_PER_DEGREE
    assert distance_m(0, 0, 0, 1) == pytest.approx(METRES_PER_DEGREE)


def test_a_degree_of_longitude_shrinks_with_the_cosine_of_the_latitude():
    assert distance_m(0, 60, 1, 60) == pytest.approx(METRES_PER_DEGREE / 2, rel=1e-4)


def test_amsterdam_to_rotterdam_is_57_kilometres_both_ways():
    assert distance_m(*AMSTERDAM, *ROTTERDAM) == pytest.approx(57_300, rel=0.005)
    assert distance_m(*AMSTERDAM, *ROTTERDAM) == distance_m(*ROTTERDAM, *AMSTERDAM)


def test_a_place_is_no_way_from_itself():
    assert distance_m(*AMSTERDAM, *AMSTERDAM) == 0


def test_the_antimeridian_is_no_wall():
    assert distance_m(179.999, 0, -179.999, 0) == pytest.approx(0.002 * METRES_PER_DEGREE, rel=1e-6)


def test_the_other_side_of_the_earth_is_half_its_girth_away():
    assert distance_m(0, 0, 180, 0) == pytest.approx(180 * METRES_PER_DEGREE)
    assert distance_m(0, 90, 0, -90) == pytest.approx(180 * METRES_PER_DEGREE)


@pytest.mark.parametrize("latitude", [-80.0, -33.9, 0.0, 52.37, 70.0])
@pytest.mark.parametrize(("east_m", "north_m"), [(10, 0), (0, 10), (-250, 400), (1000, 1000)])
def test_a_step_in_degrees_is_as_long_as_its_metres(latitude, east_m, north_m):
    east, north = degrees(east_m, north_m, latitude)
    way_m = distance_m(5.0, latitude, 5.0 + east, latitude + north)
    assert way_m == pytest.approx((east_m**2 + north_m**2) ** 0.5, rel=2e-3)


def test_at_the_poles_a_step_east_stays_finite():
    east, _ = degrees(1.0, 0.0, 90.0)
    assert 0 < east < 0.001
