import pytest

from tests.factories.shop import Shop


@pytest.fixture
def shop(app, clock):
    return Shop(app, clock)
