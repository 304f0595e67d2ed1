"""Web processes and workers, as an operator starts them, are told of edits."""

from beacon_service.configuration.store import CHANNEL
from beacon_service.pings.catalogue_watch import NAME
from tests.torture.processes import service, wait_until


def test_each_process_that_decides_listens_for_edits():
    def listening():
        with running.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'ClientRead'"
            return connection.execute(query, [NAME]).fetchone()[0]

    with service(web_processes=2, workers=1, unsafe=True) as running:
        wait_until(lambda: listening() == 3, 30, f"two web processes and a worker listen to {CHANNEL}")
