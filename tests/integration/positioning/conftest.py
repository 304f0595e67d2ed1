import pytest

from beacon_service.worker import Worker
from tests.factories.brand import Brand


@pytest.fixture
def brand(app, clock):
    made = Brand(app, clock)
    made.open_shop()
    return made


@pytest.fixture
def worker(settings, clock):
    made = Worker(settings, settings.database_url, clock)
    yield made
    made.close()


@pytest.fixture
def leader(worker):
    """A worker that leads and has kept house."""
    worker.lead()
    return worker


@pytest.fixture
def rows(test_cluster, worker_database):
    def rows(query, *params):
        with test_cluster.connect(database=worker_database) as connection:
            found = connection.execute(query, params)
            return found.fetchall() if found.description else None

    return rows
