"""What was found in a trace, as JSON and as a table."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulators.traces.inspecting.gathering import Found, beacon_name, of_counts

MOST_BEACONS = 10
_COLUMNS = ("least", "p10", "p50", "p90", "p99", "most", "mean")
_SPREADS = (
    ("pings a report", "pings_a_report"),
    ("bytes a report", "bytes_a_report"),
    ("sightings a ping", "sightings_a_ping"),
    ("RSSI, dBm", "rssi_dbm"),
    ("gap between pings, s", "gaps_s"),
    ("age when sent, s", "age_s"),
    ("clock ahead, s", "clock_ahead_s"),
)


def as_json(found: Found, top: int = MOST_BEACONS) -> dict[str, Any]:
    lasts_s = (found.last - found.first).total_seconds() if found.first and found.last else 0.0
    return {
        "made_by": found.header.made_by,
        "sites": list(found.header.sites),
        "lines": dict(sorted(found.kinds.items())),
        "phones": len(found.phones),
        "customers": len(found.customers),
        "reports": found.report_bytes.count,
        "pings": found.pings,
        "first_at": found.first.isoformat() if found.first else None,
        "last_at": found.last.isoformat() if found.last else None,
        "lasts_s": lasts_s,
        "pings_a_second": round(found.pings / lasts_s, 3) if lasts_s else None,
        "busiest_minute": round(max(found.minutes.per_minute().values(), default=0)),
        "sightings": found.sightings,
        "pings_with_sightings": found.with_sightings,
        "pings_with_position": found.with_position,
        "repeats": found.repeats,
        "reused_ids": found.reused_ids,
        "out_of_order": found.backwards,
        "unreadable": found.unreadable,
        "pings_a_report": of_counts(found.pings_a_report),
        "bytes_a_report": found.report_bytes.told(),
        "sightings_a_ping": of_counts(found.sightings_a_ping),
        "rssi_dbm": of_counts(found.rssi_dbm),
        "gaps_s": found.gaps_s.told(),
        "age_s": found.age_s.told(),
        "clock_ahead_s": found.skew_s.told(),
        "beacons": {
            "heard": len(found.beacons.counts),
            "exact": found.beacons.exact,
            "top": [
                {"beacon": beacon_name(key), "sightings": count}
                for key, count in found.beacons.counts.most_common(top)
            ],
        },
    }


def as_table(told: Mapping[str, Any]) -> Iterator[str]:
    """Lines of text, columns aligned."""
    yield from (f"{name:<22} {value}" for name, value in _facts(told))
    yield ""
    yield f"{'':<22}" + "".join(f"{name:>10}" for name in _COLUMNS)
    for title, name in _SPREADS:
        spread = told[name]
        cells = [_number(spread[column]) for column in _COLUMNS] if spread else ["-"] * len(_COLUMNS)
        yield f"{title:<22}" + "".join(f"{cell:>10}" for cell in cells)
    yield ""
    heard, exact = told["beacons"]["heard"], told["beacons"]["exact"]
    yield f"beacons heard: {heard}{'' if exact else ' or more, counts are about'}"
    for each in told["beacons"]["top"]:
        yield f"{each['sightings']:>10}  {each['beacon']}"


def _facts(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "made by", told["made_by"]
    yield "sites", ", ".join(told["sites"]) or "not told"
    yield "lines", ", ".join(f"{count} {kind}" for kind, count in told["lines"].items()) or "none"
    yield "from", f"{told['first_at']} to {told['last_at']} ({told['lasts_s']:.0f} s)"
    yield "phones", f"{told['phones']}, of {told['customers']} known customers"
    rate = "" if told["pings_a_second"] is None else f", {told['pings_a_second']} a second"
    yield (
        "pings",
        f"{told['pings']} in {told['reports']} reports{rate}; busiest minute {told['busiest_minute']}",
    )
    yield "with sightings", f"{told['pings_with_sightings']} pings, {told['sightings']} sightings"
    yield "with a position", f"{told['pings_with_position']} pings"
    yield "sent again", f"{told['repeats']} pings; {told['reused_ids']} ids with another content"
    yield "out of order", f"{told['out_of_order']} pings; {told['unreadable']} without a time"


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.2f}"
