"""How many offers a second one worker sends to a receiver on this machine, in order and each once.

python -m benchmarks.webhooks [--messages 10000] [--customers 1000] [--json]

Everything is as in production: a durable cluster, decisions with their grants, the outbox, signatures, one HTTP request
to each message, the outcome `delivered` in the ledger. The receiver is a process of its own that looks at no signature
and answers at once; it shares the machine, and keeps what came in which order. Beside the rate it tells how much of the
processors a message took, which other work on the machine changes least.
"""

import argparse
import asyncio
import json
import multiprocessing
import secrets
import threading
import time
from ipaddress import ip_network
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import psycopg

from beacon_service import logs, migration
from beacon_service.clock import SystemClock
from beacon_service.cluster import running_pid
from beacon_service.db import make_engine
from beacon_service.delivery.senders import sending
from beacon_service.settings import Settings, libpq_url
from benchmarks.cluster import checkpoint, copy_database, durable_cluster
from benchmarks.processors import Spent, spent

KEY = "a secret key of the benchmark alone"

PEOPLE = """
WITH person AS (
    INSERT INTO customers (id, anonymous, marketing, created_at)
    SELECT 'c' || n, false, true, now() FROM generate_series(1, %(customers)s) AS n RETURNING key, id
)
INSERT INTO installations (id, customer_key, token_hash, platform, created_at)
SELECT 'i' || id, key, '', 'android', now() FROM person
"""
# Offers of one customer follow one another; `place` says which it is, so that the receiver can tell the order.
DECIDED = """
WITH made AS (
    SELECT n, i.key AS phone, i.customer_key, i.id AS installation, gen_random_uuid() AS decision_id,
        gen_random_uuid() AS moment_key, (n - 1) / %(customers)s AS place
    FROM generate_series(1, %(messages)s) AS n
    JOIN installations AS i ON i.id = 'ic' || ((n - 1) %% %(customers)s + 1)
),
decided AS (
    INSERT INTO decisions (
        decision_id, moment_key, seq, customer_key, installation_key, site, zone, move, visit, at, decided_at,
        catalogue_version, code_version, seed, campaign, revision, offer_id, offer, channel, expires_at, reasons,
        counts, draws, refusals)
    SELECT decision_id, moment_key, n, customer_key, phone, 's', 'z', 'entered', 1, now(), now(), 1, 'bench', 1,
        'coffee', 1, 'coffee', '{}', 'webhook', now() + interval '1 day', '{}', '[]', '{}', '[]'
    FROM made
),
granted AS (
    INSERT INTO grants (
        decision_id, campaign, moment_key, customer_key, offer_id, arm, site, policy, decided_at, seq, open, closes_at)
    SELECT decision_id, 'coffee', moment_key, customer_key, 'coffee', 'offered', 's', true, now(), n, true,
        now() + interval '1 day'
    FROM made
)
INSERT INTO deliveries (
    message_id, decision_id, customer_key, installation_key, channel, endpoint, body, next_at, expires_at, created_at)
SELECT gen_random_uuid(), decision_id, customer_key, phone, 'webhook', 'bench', jsonb_build_object(
    'decision_id', decision_id, 'campaign', 'coffee', 'revision', 1, 'customer_id', installation, 'place', place,
    'offer', jsonb_build_object('id', 'coffee', 'title', 'A cup of coffee', 'body', repeat('It is on us. ', 20)),
    'site', 's', 'zone', 'z', 'move', 'entered', 'at', now(), 'decided_at', now(), 'expires_at', now()),
    now(), now() + interval '1 day', now()
FROM made ORDER BY n
"""


class Measured(NamedTuple):
    messages: int
    seconds: float
    doubled: int
    out_of_order: int
    outcomes: int
    worker_ms: float  # of a core, for each message; so are the others
    postgres_ms: float
    receiver_ms: float
    elsewhere: float  # the share of the processors that other work had

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


def receive(pipe: Connection) -> None:
    """A server in a process of its own: says its port, and at the end what came, in order."""
    came: list[tuple[str, int]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await read_head(reader):
            length = next(
                int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            data = json.loads(await reader.readexactly(length))["data"]
            came.append((data["customer_id"], data["place"]))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        server.close()

    asyncio.run(run())
    pipe.send(came)


async def read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def measure(messages: int, customers: int) -> Measured:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    receiver = context.Process(target=receive, args=(theirs,))
    receiver.start()
    try:
        port = ours.recv()
        with durable_cluster() as cluster:
            url = copy_database(cluster, "webhooks")
            migration.upgrade(url)
            fill(url, f"http://127.0.0.1:{port}/", messages=messages, customers=customers)
            checkpoint(cluster)
            before = _processors(receiver.pid, running_pid(cluster))
            seconds, outcomes = drain(url)
            used = _processors(receiver.pid, running_pid(cluster)).since(before)
        ours.send("that is all")
        came: list[tuple[str, int]] = ours.recv()
    finally:
        receiver.join(5)
        receiver.kill()
    return Measured(
        len(came),
        seconds,
        len(came) - len(set(came)),
        _disorder(came),
        outcomes,
        worker_ms=round(1000 * used.loader / messages, 3),
        postgres_ms=round(1000 * used.postgres / messages, 3),
        receiver_ms=round(1000 * used.web / messages, 3),
        elsewhere=round(used.elsewhere, 2),
    )


def _processors(receiver: int | None, postgres: int | None) -> Spent:
    """This process is the worker; who answers requests is the receiver."""
    assert receiver is not None, "it was started"
    return spent(receiver, postgres)


def fill(url: str, receiver: str, *, messages: int, customers: int) -> None:
    with psycopg.connect(libpq_url(url)) as connection:
        asked = {"messages": messages, "customers": customers}
        connection.execute(PEOPLE, asked)
        connection.execute(DECIDED, asked)
        connection.execute("INSERT INTO webhooks VALUES ('bench', %s, true, '{}', 1)", [receiver])
        salt = secrets.token_bytes(16)
        connection.execute("INSERT INTO webhook_secrets VALUES ('bench', %s, now(), NULL)", [salt])
        connection.execute("INSERT INTO campaigns VALUES ('coffee', 'published', 1, '{}', 1)")
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def drain(url: str) -> tuple[float, int]:
    """(how long one worker took for all of it, the outcomes that it wrote)"""
    settings = Settings(database_url=url, secret_key=KEY, webhook_networks=[ip_network("127.0.0.0/8")])
    logs.configure(settings)
    engine = make_engine(url, settings, connections=4)
    worker = sending(engine, SystemClock(), settings, threading.Event())
    began = time.perf_counter()
    worker.send_due()
    seconds = time.perf_counter() - began
    worker.close()
    engine.dispose()
    with psycopg.connect(libpq_url(url)) as connection:
        left = connection.execute("SELECT count(*) FROM deliveries WHERE state <> 'sent'").fetchone()
        outcomes = connection.execute("SELECT count(*) FROM outcomes WHERE type = 'delivered'").fetchone()
    assert left == (0,), f"{left} were not sent"
    assert outcomes is not None, "a count is a row"
    return seconds, outcomes[0]


def _disorder(came: list[tuple[str, int]]) -> int:
    """How many came before one of the same customer that was decided earlier."""
    last: dict[str, int] = {}
    wrong = 0
    for customer, place in came:
        wrong += place < last.get(customer, -1)
        last[customer] = max(place, last.get(customer, -1))
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.messages, asked.customers)
    if asked.json:
        said: dict[str, Any] = {**found._asdict(), "webhooks_per_s": round(found.rate, 1)}
        print(json.dumps(said))
        return
    print(
        f"{found.messages} messages of {asked.customers} customers in {found.seconds:.1f} s: {found.rate:.0f}/s"
    )
    print(
        f"each took {found.worker_ms} ms of a core in the worker, {found.postgres_ms} in PostgreSQL,"
        f" {found.receiver_ms} in the receiver; other work had {found.elsewhere:.0%} of the processors"
    )
    print(f"sent twice {found.doubled}, out of order {found.out_of_order}, outcomes written {found.outcomes}")


if __name__ == "__main__":
    main()
