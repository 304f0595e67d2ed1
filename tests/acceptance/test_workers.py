"""Two workers share the timers; when the leader is killed the other carries on, and nothing happens twice."""

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx2

from tests.acceptance.walks import STREET, in_zone, ping, report
from tests.torture.processes import START_S, wait_until
from tests.torture.world import ZONES, campaign

PHONES = 10
# The odd zones hold an exit for a second; each phone stands in one of its own.
ODD = range(1, len(ZONES), 2)
# What is due while nobody is killed comes within a second; a restart beside it takes both cores for a while.
LATE_S = 5.0

# From when it was due, on the phone's clock, to when it was written down.
FIRED = """
SELECT i.id, extract(epoch FROM m.recorded_at - m.at)::float
FROM moves m JOIN installations i ON i.key = m.installation_key
WHERE m.type = %s AND m.cause = 'timer' AND i.id = ANY(%s)
"""
DECIDED = (
    "SELECT count(*), count(DISTINCT moment_key) FROM decisions WHERE move = %s AND customer_key = ANY(%s)"
)


def leader(place):
    """The worker that last said it leads, if it lives."""
    alive = [worker for worker in place.service.workers if worker.process.poll() is None]
    leading = [worker for worker in alive if '"leading"' in worker.said()]
    return leading[0] if len(leading) == 1 else None


def all_report(place, phones, where):
    def one(item):
        number, (phone, headers) = item
        with httpx2.Client(base_url=place.service.address, timeout=30) as http:
            answer = report(http, phone, headers, where(number))
        assert answer.status_code == 200, answer.text
        assert answer.json()["results"][0]["status"] == "accepted", answer.text

    with ThreadPoolExecutor(PHONES) as pool:
        list(pool.map(one, enumerate(phones.items())))


def each_fired_once_and_soon(place, phones, kind):
    """Waits until each has moved, a little longer for what would come twice, and looks."""
    names = list(phones)
    wait_until(lambda: len(place.rows(FIRED, kind, names)) >= PHONES, 30, f"all {kind}")
    wait_until(lambda: leader(place) is not None, START_S, "one worker leads")
    fired = place.rows(FIRED, kind, names)
    assert sorted(name for name, _ in fired) == sorted(names)
    assert max(late_s for _, late_s in fired) < LATE_S


def test_with_the_leader_killed_dwells_and_exits_fire_once_and_within_seconds(place):
    place.campaign("linger", campaign("dwelled", ZONES, priority=1, expires_after_s=600))
    place.campaign("goodbye", campaign("exited", ZONES, priority=1, expires_after_s=600))
    phones = {f"dweller-{n}": place.phone(f"dweller-{n}", customer=f"dweller-{n}") for n in range(PHONES)}
    wait_until(lambda: leader(place) is not None, START_S, "one worker leads")

    first = leader(place)
    all_report(place, phones, lambda number: in_zone(ODD[number]))
    first.signal(signal.SIGKILL)
    first.wait()
    each_fired_once_and_soon(place, phones, "dwelled")
    second = leader(place)
    assert second is not first

    first.ensure()
    wait_until(lambda: '"working"' in first.said(), START_S, "there are two again")
    all_report(place, phones, lambda _: ping(STREET))
    second.signal(signal.SIGKILL)
    second.wait()
    each_fired_once_and_soon(place, phones, "exited")

    customers = [key for (key,) in place.rows("SELECT key FROM customers WHERE id = ANY(%s)", list(phones))]
    for move in ("dwelled", "exited"):
        assert place.rows(DECIDED, move, customers) == [(PHONES, PHONES)]
    second.ensure()
