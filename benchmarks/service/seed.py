"""Fills this service's database: zones and policy through its own API, campaigns in one edit, people by bulk SQL.

Fifty thousand registrations over HTTP would take minutes and measure nothing. The answers are checked, so a
row that is not as the service would have made it shows at once.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from beacon_service import migration
from beacon_service.campaigns.schema import CampaignIn
from beacon_service.campaigns.store import CAMPAIGNS
from beacon_service.configuration.model import Body, Edit
from beacon_service.configuration.service import put_all
from beacon_service.configuration.store import lock
from beacon_service.settings import libpq_url
from benchmarks import workload
from benchmarks.loader import Lane, drive
from benchmarks.service import documents
from benchmarks.wire import parse_response, request

PUBLISHABLE_KEY = "pk_bench" + "0" * 38
SECRET_KEY = "sk_bench" + "0" * 38

SCOPES = ["configure", "ping"]

SAMPLED = 100
EDITING_LIMIT_S = 90.0

# As workload.person_name, customer_name, token_of and tier_of say; hashed as the service hashes tokens.
CUSTOMERS = """
INSERT INTO customers (id, anonymous, attributes, marketing, created_at)
SELECT 'person-' || lpad(n::text, 5, '0'), false,
       jsonb_build_object('tier', CASE WHEN n % %(gold)s = 0 THEN 'gold' ELSE 'basic' END), true, now()
FROM generate_series(0, %(people)s - 1) n ORDER BY n
"""
INSTALLATIONS = """
INSERT INTO installations (id, customer_key, token_hash, location, platform, created_at)
SELECT 'phone-' || lpad(n::text, 5, '0'), c.key,
       sha256(convert_to('it_bench' || lpad(n::text, 38, '0'), 'UTF8')),
       true, 'android', now()
FROM generate_series(0, %(people)s - 1) n JOIN customers c ON c.id = 'person-' || lpad(n::text, 5, '0')
ORDER BY n
"""
CONSENTS = """
INSERT INTO consents (customer_key, installation_key, kind, granted, at, actor)
SELECT i.customer_key, CASE WHEN kind = 'location' THEN i.key END, kind, true, now(), 'benchmark'
FROM installations i, unnest(ARRAY['location', 'marketing']) kind
"""
KEY = """
INSERT INTO api_keys (id, kind, name, key_hash, scopes, created_at)
VALUES (%(id)s, %(kind)s, 'benchmark', sha256(convert_to(%(key)s, 'UTF8')), %(scopes)s, now())
"""


def seed_people(url: str) -> None:
    """Migrate the database and fill in keys, customers, installations and consents."""
    migration.upgrade(url)
    people = {"people": workload.CUSTOMERS, "gold": round(1 / workload.GOLD_SHARE)}
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute(CUSTOMERS.replace("n % %", "n %% %"), people)
        connection.execute(INSTALLATIONS, people)
        connection.execute(CONSENTS)
        connection.execute(
            KEY, {"id": "bench-app", "kind": "publishable", "key": PUBLISHABLE_KEY, "scopes": []}
        )
        secret = {"id": "bench-gateway", "kind": "secret", "key": SECRET_KEY, "scopes": SCOPES}
        connection.execute(KEY, secret)


def settle(url: str) -> None:
    """Let the planner know what is there."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def make_all_gold(url: str) -> None:
    """For the worst case, before anybody has walked."""
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("""UPDATE customers SET attributes = jsonb_build_object('tier', 'gold')""")


def bring_in_campaigns(url: str) -> None:
    """All campaigns in one edit, read by the API's own schema and kept by its own store.

    Put one by one they take over a minute and measure nothing. `confirm_campaigns` shows that it comes to the same.
    """
    bodies: dict[str, Body] = {
        plan.name: {
            **CampaignIn.model_validate(documents.campaign(plan)).document(plan.name),
            "revision": 1,
        }
        for plan in workload.campaigns()
    }
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            lock(session)
            put_all(session, CAMPAIGNS, bodies, Edit("benchmark", datetime.now(UTC), lambda _version: None))
            session.commit()
    finally:
        engine.dispose()


def lay_the_ground(port: int) -> None:
    """Put site, zones and policy through the API of the running service; campaigns need the zones."""
    site = _edit("PUT", f"/v1/sites/{workload.SITE}", documents.SITE)
    zones = _edit("POST", f"/v1/sites/{workload.SITE}/zones/imports", documents.zones())
    _send_all(port, [site, zones])
    put_policy(port, workload.OFFERS_PER_CUSTOMER_AND_DAY)


def put_policy(port: int, offers_per_day: int) -> None:
    _send_all(port, [_edit("PUT", "/v1/policy", documents.policy(offers_per_day))])


def confirm_campaigns(port: int) -> None:
    """Put every hundredth campaign through the API: each must be answered as one that is there already, unchanged.

    What they were brought in as is then what the API would have made of them, revision and all.
    """
    plans = list(workload.campaigns())[::SAMPLED]
    puts = [_edit("PUT", f"/v1/campaigns/{plan.name}", documents.campaign(plan)) for plan in plans]
    shown = [_edit("GET", f"/v1/campaigns/{plan.name}", {}) for plan in plans]
    before = [parse_response(received).head for received in _send_all(port, shown)]
    after = [parse_response(received).head for received in _send_all(port, puts)]
    if [_etag(head) for head in before] != [_etag(head) for head in after]:
        raise SystemExit("the campaigns in the benchmark's database are not as the API makes them")


def _etag(head: bytes) -> bytes:
    return next(line for line in head.lower().split(b"\r\n") if line.startswith(b"etag:"))


def _edit(method: str, path: str, document: object) -> bytes:
    return request(method, path, {"Authorization": f"Bearer {SECRET_KEY}"}, json.dumps(document).encode())


def _send_all(port: int, requests: Sequence[bytes]) -> list[bytes]:
    lane = Lane(requests)
    drive(port, [lane], seconds=EDITING_LIMIT_S, all_of_them=True)
    for sent, received in zip(lane.requests, lane.answers, strict=True):
        response = parse_response(received)
        if not 200 <= response.status < 300:
            line = sent.split(b"\r\n", 1)[0].decode()
            said = response.body[:300].decode(errors="replace")
            raise SystemExit(f"the configuration was refused: {line}: {response.status} {said}")
    return lane.answers
