"""The configuration of this service's database: zones and policy through its own API, campaigns in one edit."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from beacon_service.campaigns.schema import CampaignIn
from beacon_service.campaigns.store import CAMPAIGNS
from beacon_service.configuration.model import Body, Edit
from beacon_service.configuration.service import put_all
from beacon_service.configuration.store import lock
from benchmarks import workload
from benchmarks.service import documents
from benchmarks.service.asking import Refused, edit, insist_on_all
from benchmarks.wire import Response

# Of so many campaigns one is put again, through the API.
SAMPLED = 100


def lay_the_ground(port: int) -> None:
    """Put site, zones and policy through the API of the running service; campaigns need the zones."""
    put_shop(port, workload.SITE, documents.SITE, documents.zones())
    put_policy(port)


def put_shop(port: int, name: str, site: Mapping[str, Any], zones: Mapping[str, Any]) -> None:
    """Its zones by one import: the API's own way of taking many at once."""
    insist_on_all(port, [edit("PUT", f"/v1/sites/{name}", site)])
    insist_on_all(port, [edit("POST", f"/v1/sites/{name}/zones/imports", zones)])


def put_policy(port: int, offers_per_day: int = workload.OFFERS_PER_CUSTOMER_AND_DAY) -> None:
    insist_on_all(port, [edit("PUT", "/v1/policy", documents.policy(offers_per_day))])


def bring_in_campaigns(url: str, port: int, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """All campaigns, by name, in one edit, read by the API's own schema and kept by its own store.

    Put one by one they take over a minute and measure nothing. A sample is put through the API afterwards: each must be
    answered as one that is there already, unchanged.
    """
    bodies: dict[str, Body] = {
        name: {**CampaignIn.model_validate(document).document(name), "revision": 1}
        for name, document in wanted.items()
    }
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            lock(session)
            put_all(session, CAMPAIGNS, bodies, Edit("benchmark", datetime.now(UTC), lambda _version: None))
            session.commit()
    finally:
        engine.dispose()
    _confirm(port, dict(list(wanted.items())[::SAMPLED]))


def _confirm(port: int, sample: Mapping[str, Mapping[str, Any]]) -> None:
    """What they were brought in as is what the API would have made of them, revision and all."""
    shown = [edit("GET", f"/v1/campaigns/{name}", {}) for name in sample]
    puts = [edit("PUT", f"/v1/campaigns/{name}", document) for name, document in sample.items()]
    before, after = ([_etag(response) for response in insist_on_all(port, some)] for some in (shown, puts))
    if before != after:
        raise Refused("the campaigns in the benchmark's database are not as the API makes them")


def _etag(response: Response) -> bytes:
    return next(line for line in response.head.lower().split(b"\r\n") if line.startswith(b"etag:"))
