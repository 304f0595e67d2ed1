import pytest

from tests.factories.people import People


@pytest.fixture
def brand(app, clock):
    return People(app, clock)
