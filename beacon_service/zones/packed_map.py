"""A radio map as it is stored: one compressed file, read again only where its parts fit each other."""

import io
import json
import struct
import zipfile
import zlib
from types import MappingProxyType

import numpy as np

from beacon_service.zones.lattice import Lattice
from beacon_service.zones.radio_map import LEVELS_DBM, RadioMap

# Raised when maps that were packed before can no longer be read.
FORMAT = 1
# A belief names cells with two bytes.
MOST_CELLS = 65_536

_ARRAYS = ("cells", "walkable", "surprise", "prints", "print_cells")


class RadioMapError(ValueError):
    """The bytes are no radio map that this version reads; the message says why."""


def packed(radio_map: RadioMap) -> bytes:
    """All of it as one compressed file (npz): about a tenth of what it takes in memory."""
    lattice = radio_map.lattice
    facts = {
        "format": FORMAT,
        "lattice": {name: getattr(lattice, name) for name in ("west", "south", "step_m", "rows", "columns")},
        "floors": lattice.floors,
        "transmitters": radio_map.transmitters,
        "aliases": dict(radio_map.aliases),
        "report": dict(radio_map.report),
    }
    arrays = {name: getattr(radio_map, name) for name in _ARRAYS}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


# What a few fallen bits make of a zip file's reader: it takes them for passwords and for compressions unknown to it.
_UNREADABLE = (
    *(EOFError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)


def unpacked(data: bytes) -> RadioMap:
    """The map that was packed. Raises RadioMapError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            facts = json.loads(file["facts"].tobytes())
            arrays = {name: file[name] for name in _ARRAYS}
            lattice = Lattice(floors=tuple(facts["floors"]), **facts["lattice"])
            transmitters, aliases, report = facts["transmitters"], facts["aliases"], facts["report"]
    except _UNREADABLE as error:
        raise RadioMapError(f"it cannot be read: {error}") from error
    if facts["format"] != FORMAT:
        raise RadioMapError(f"it has format {facts['format']} where {FORMAT} is read; learn it anew")
    radio_map = RadioMap(lattice, tuple(transmitters), MappingProxyType(aliases), report=report, **arrays)
    if not _fits_together(radio_map):
        raise RadioMapError("its parts do not fit each other; learn it anew")
    return radio_map


def _fits_together(known: RadioMap) -> bool:
    """No row, cell or print is named that is not there: machine code would read it all the same."""
    cells, many = known.cells, len(known.transmitters)
    return (
        0 < len(cells) <= MOST_CELLS
        and bool((np.diff(cells) > 0).all() and cells[0] >= 0 and cells[-1] < known.lattice.size)
        and known.walkable.shape == cells.shape
        and bool((known.walkable >= 0).all() and 0 < known.walkable.sum() < np.inf)
        and known.surprise.shape == (many, len(LEVELS_DBM), len(cells))
        and known.prints.shape == (many, len(known.print_cells))
        and bool(((known.print_cells >= 0) & (known.print_cells < known.lattice.size)).all())
        and all(0 <= row < many for row in known.aliases.values())
    )
