"""Lines of traces for tests, each with what it must have, and bytes of a file as a person would type them."""

import gzip
import json
from datetime import UTC, datetime, timedelta

from simulators.traces.model import Header, InstallationConsents, Registered, Report

BEGIN = datetime(2026, 11, 2, 10, tzinfo=UTC)


def at(seconds):
    return BEGIN + timedelta(seconds=seconds)


def header(**other):
    return Header(**{"made_by": "a test", "begins_at": BEGIN} | other)


def registered(installation_id="phone-1", seconds=0, **other):
    told = {"platform": "android", "consents": InstallationConsents(location=True, marketing=True)} | other
    return Registered(at=at(seconds), installation_id=installation_id, **told)


def ping(number=1, seconds=0, *, rssi=(), **other):
    sightings = [
        {
            "type": "ibeacon",
            "uuid": "7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21",
            "major": 1,
            "minor": index,
            "rssi": each,
        }
        for index, each in enumerate(rssi)
    ]
    return {"ping_id": f"p{number}", "at": at(seconds).isoformat(), "sightings": sightings} | other


def report(installation_id="phone-1", seconds=0, *, pings=None, **other):
    pings = (ping(seconds, seconds, rssi=(-60,)),) if pings is None else tuple(pings)
    told = {"sent_at": at(seconds)} | other
    return Report(at=at(seconds), installation_id=installation_id, pings=pings, **told)


def write_raw(path, *lines):
    """Objects are written as JSON, bytes as they are."""
    raw = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


RAW_HEADER = {
    "kind": "header",
    "format": "beacon-trace",
    "version": 1,
    "made_by": "by hand",
    "begins_at": "2026-11-02T10:00:00Z",
}
