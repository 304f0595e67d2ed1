import pytest

from tests.factories.brand import Brand


@pytest.fixture
def brand(app, clock):
    return Brand(app, clock)
