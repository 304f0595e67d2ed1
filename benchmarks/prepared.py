"""The databases that a run needs, each filled once and then copied, so that contestants meet the same people afresh."""

from collections.abc import Sequence

from beacon_service.cluster import Cluster
from benchmarks import workload
from benchmarks.cluster import copy_database, settle
from benchmarks.obvious import seed as obvious_seed
from benchmarks.service import documents, people
from benchmarks.service import seed as service_seed
from benchmarks.service.programs import serve
from benchmarks.workload import WORST

FILLED, FILLED_WORST = "service", "service_worst"


def obvious_databases(cluster: Cluster) -> tuple[str, str]:
    """Their URLs: for the usual mix, and for the worst case."""
    usual = copy_database(cluster, "obvious")
    obvious_seed.seed(usual)
    worst = copy_database(cluster, "obvious_worst", template="obvious")
    obvious_seed.make_all_gold(worst)
    return usual, worst


def fill_service(cluster: Cluster) -> None:
    """The database that this service's contestants get copies of."""
    url = copy_database(cluster, FILLED)
    people.found(url, workload.CUSTOMERS)
    with serve(url) as server:
        service_seed.lay_the_ground(server.port)
        service_seed.bring_in_campaigns(url, server.port, documents.campaigns())
    settle(url)


def fill_service_worst(cluster: Cluster) -> None:
    """The same with everybody in the campaigns' audience, and a contact policy that lets most offers pass."""
    url = copy_database(cluster, FILLED_WORST, template=FILLED)
    people.make_all_gold(url)
    with serve(url) as server:
        service_seed.put_policy(server.port, WORST.offers_per_day)
    settle(url)


def copies(cluster: Cluster, names: Sequence[str], *, template: str) -> list[str]:
    return [copy_database(cluster, name, template=template) for name in names]
