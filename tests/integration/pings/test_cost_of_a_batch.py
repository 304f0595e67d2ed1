"""What a ping of a batch costs beside one that comes alone, in processor time of this process: no clock on a wall.

The rest of the machine cannot change it much, and PostgreSQL's share is another process': what is held here is that a
batch does in one go what single requests do each. `make bench` measures how much faster that makes the service.
"""

import statistics
import time

from tests.factories.catalogue import campaign_document, cap_document, zone_document

PHONES, TURNS = 100, 3
# A ping of a batch costs a tenth of one that comes alone, or less; at a third something is done for each ping anew.
MOST = 1 / 3


def spent_s(way, ping_id):
    """Seconds of processor, of all threads of this process, and what it came to."""
    began_s = time.process_time()
    found = way(ping_id)
    return time.process_time() - began_s, found


def test_a_ping_of_a_batch_of_a_hundred_costs_less_than_a_third_of_one_that_comes_alone(shop):
    """Pings that change nothing and pings that decide, by turns."""
    caps = [cap_document(limit=1000)]
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee", caps=caps)])
    names = [shop.phone(f"p{n}") for n in range(PHONES)]

    def alone(ping_id, **where):
        return [made for name in names for made in shop.ping(name, ping_id, **where)["decisions"]]

    def together(ping_id, **where):
        answer = shop.post_many({name: [shop.ping_body(ping_id, **where)] for name in names})
        assert {one["status"] for one in answer.json["results"]} == {"accepted"}
        return answer.json["decisions"]

    alone("warm-alone")
    shop.clock.advance(seconds=5)
    together("warm-together")
    ratios = []
    for turn in range(TURNS):
        costs_s = []
        for way in (alone, together):
            # Away for long enough to have left, then back: everybody enters, and is decided for.
            for step in range(2):
                shop.clock.advance(minutes=15)
                together(f"{turn}-{way.__name__}-away-{step}", column=50)
            shop.clock.advance(minutes=15)
            back_s, decisions = spent_s(way, f"{turn}-{way.__name__}-back")
            assert len(decisions) == PHONES
            shop.clock.advance(seconds=5)
            still_s, decisions = spent_s(way, f"{turn}-{way.__name__}-still")
            assert decisions == []
            costs_s.append(back_s + still_s)
        ratios.append(costs_s[1] / costs_s[0])
    assert statistics.median(ratios) < MOST, ratios
