"""What a size will take on disk, reckoned from what rows of the service's own took, before anything is filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.growth.sizes import Size

GB = 1_000_000_000
# Write-ahead log (max_wal_size and what a checkpoint is behind), the databases beside, and what a measuring adds.
WORKING_BYTES = 5 * GB
# An index of a long table is sorted on disk before it is written: its own entries once more, of one index at a time.
SORTED_BYTES_A_DECISION = 60
# In a customer's memory: `"shop-000/cell-0001": {"number": 3, "started_at": ..., "left_at": ...}`.
BYTES_A_VISIT = 160


@dataclass(frozen=True, slots=True)
class BytesPerRow:
    """Table and indexes, of each row; measured."""

    zone: float
    customer: float  # with an installation, consents
    decision: float
    grant: float
    move: float
    ping: float
    presence: float


def needed(size: Size, per: BytesPerRow) -> int:
    """Bytes that a database of this size takes at its peak, while it is being filled."""
    ledger = size.decisions * (per.decision + per.move) + size.grants * per.grant
    known = size.known * (per.presence + size.visited * BYTES_A_VISIT)
    # Memories are written into rows that were there: until the table is written anew it holds both.
    rewritten = size.known * (per.customer + size.visited * BYTES_A_VISIT)
    rows = size.zones * per.zone + size.customers * per.customer + size.pings * per.ping
    return round(rows + ledger + known + rewritten + size.decisions * SORTED_BYTES_A_DECISION + WORKING_BYTES)


def refusal(size: Size, per: BytesPerRow, *, free: int, limit: int) -> str | None:
    """Why this size is not made, in a sentence; None where there is room. `free` and `limit` in bytes."""
    need = needed(size, per)
    if need > limit:
        return f"needs {need / GB:.1f} GB of disk, and --disk-gb allows {limit / GB:.0f}"
    if need > free:
        return f"needs {need / GB:.1f} GB of disk, and {free / GB:.1f} are free"
    return None


def refined(
    per: BytesPerRow, size: Size, have: Size, before: Mapping[str, int], after: Mapping[str, int]
) -> BytesPerRow:
    """With what rows of the ledger took when they were filled in: their indexes were built at once, and are closer.

    `before`, `after`: bytes of tables at `have` and at `size`.
    """

    def each(table: str, rows: int, known: float) -> float:
        return (after[table] - before[table]) / rows if rows > 0 else known

    return replace(
        per,
        decision=each("decisions", size.decisions - have.decisions, per.decision),
        grant=each("grants", size.grants - have.grants, per.grant),
        move=each("moves", size.decisions - have.decisions, per.move),
        ping=each("pings", size.pings - have.pings, per.ping),
        presence=each("presence", size.known - have.known, per.presence),
    )
