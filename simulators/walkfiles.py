"""Writes what `recorded` reads: CSV packed by gzip and GeoJSON, the same bytes for the same content."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SIGHTINGS = ("trace", "t_ms", "uuid", "major", "minor", "mac", "tx_power", "rssi")
WAYPOINTS = ("trace", "t_ms", "floor", "lat", "lon")
TRUTH = ("trace", "t_ms", "floor", "zone", "lat", "lon")


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Packed without a name and a time, which gzip would write into the file otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as lines,
    ):
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_features(path: Path, features: Sequence[dict[str, Any]]) -> None:
    """One feature a line, so that a change can be read in a comparison."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    path.write_text(
        '{"type": "FeatureCollection", "features": [\n' + lines + "\n]}\n", encoding="utf-8", newline="\n"
    )


def degrees_text(value: float) -> str:
    """Eight decimals of a degree: a millimetre."""
    return f"{value:.8f}"
