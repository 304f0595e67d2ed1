"""The keys by which the benchmark's phones and gateways ask."""

import psycopg

PUBLISHABLE_KEY = "pk_bench" + "0" * 38
SECRET_KEY = "sk_bench" + "0" * 38

INSERT = """
INSERT INTO api_keys (id, kind, name, key_hash, scopes, created_at)
VALUES (%(id)s, %(kind)s, 'benchmark', sha256(convert_to(%(key)s, 'UTF8')), %(scopes)s, now())
"""


def insert(connection: psycopg.Connection) -> None:
    app = {"id": "bench-app", "kind": "publishable", "key": PUBLISHABLE_KEY, "scopes": []}
    gateway = {"id": "bench-gateway", "kind": "secret", "key": SECRET_KEY, "scopes": ["configure", "ping"]}
    connection.execute(INSERT, app)
    connection.execute(INSERT, gateway)
