"""Phones in the acceptance tests' mall: pings in the middle of a zone, or out on the street."""

import random
import time
import uuid
from datetime import UTC, datetime

from tests.torture.world import METRE_NORTH, SOUTH, WEST, middle_of

# A machine that has other work as well may have too much to do for a while.
TRIES = 20
STREET = (WEST, SOUTH - 60 * METRE_NORTH)


def ping(at_place, ping_id=None):
    longitude, latitude = at_place
    return {
        "ping_id": ping_id or f"p-{uuid.uuid4()}",
        "at": datetime.now(UTC).isoformat(),
        "position": {"longitude": longitude, "latitude": latitude, "accuracy_m": 3.0},
    }


def in_zone(number, ping_id=None):
    return ping(middle_of(number), ping_id)


def report(http, phone, headers, *pings):
    """The response, whatever it is; but where there is too much to do it is sent again, as a phone does."""

    def send():
        body = {"installation_id": phone, "sent_at": datetime.now(UTC).isoformat(), "pings": list(pings)}
        return http.post("/v1/pings", headers=headers, json=body)

    return patiently(send)


def patiently(send):
    """The first response that is not `overloaded`, or the last of many: nothing was done, so it is sent again."""
    for _ in range(TRIES):
        answer = send()
        if answer.status_code != 503 or answer.json()["code"] != "overloaded":
            break
        time.sleep(int(answer.headers["Retry-After"]) * random.random())
    return answer
