"""Fills this service's database: configuration through its own API, people by bulk SQL.

Fifty thousand registrations over HTTP would take minutes and measure nothing. The answers are checked, so a
row that is not as the service would have made it shows at once.
"""

import json
from collections.abc import Iterator, Sequence

import psycopg

from beacon_service import migration
from beacon_service.settings import libpq_url
from benchmarks import workload
from benchmarks.loader import Lane, drive
from benchmarks.service import documents
from benchmarks.wire import parse_response, request

PUBLISHABLE_KEY = "pk_bench" + "0" * 38
SECRET_KEY = "sk_bench" + "0" * 38

SCOPES = ["configure", "ping"]

EDITORS = 8
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


def configure(port: int) -> None:
    """Put site, zones, policy and campaigns through the API of the running service."""
    for lanes in (1, EDITORS):
        requests = list(_ground() if lanes == 1 else _campaigns())
        _send_all(port, [Lane(requests[first::lanes]) for first in range(lanes)])


def _ground() -> Iterator[bytes]:
    yield _edit("PUT", f"/v1/sites/{workload.SITE}", documents.SITE)
    yield _edit("POST", f"/v1/sites/{workload.SITE}/zones/imports", documents.zones())
    yield _edit("PUT", "/v1/policy", documents.policy())


def _campaigns() -> Iterator[bytes]:
    for plan in workload.campaigns():
        yield _edit("PUT", f"/v1/campaigns/{plan.name}", documents.campaign(plan))


def _edit(method: str, path: str, document: object) -> bytes:
    return request(method, path, {"Authorization": f"Bearer {SECRET_KEY}"}, json.dumps(document).encode())


def _send_all(port: int, lanes: Sequence[Lane]) -> None:
    drive(port, lanes, seconds=EDITING_LIMIT_S)
    if any(len(lane.answers) < len(lane.requests) for lane in lanes):
        raise SystemExit(f"the configuration was not taken within {EDITING_LIMIT_S:.0f} s")
    for lane in lanes:
        for sent, received in zip(lane.requests, lane.answers, strict=True):
            response = parse_response(received)
            if not 200 <= response.status < 300:
                line = sent.split(b"\r\n", 1)[0].decode()
                said = response.body[:300].decode(errors="replace")
                raise SystemExit(f"the configuration was refused: {line}: {response.status} {said}")
