"""How large the service's world is made: one factor at a time from the smallest, and all at their largest together."""

from dataclasses import dataclass, replace
from typing import Literal

Factor = Literal["base", "zones", "customers", "decisions", "web", "all"]

# A chain whose phones send 1.25 million pings a day, of which every fifth enters a zone and is decided: how many
# decisions lie back how long follows from that.
DECISIONS_A_DAY = 250_000
PINGS_A_DECISION = 5
# A retry may come days after the first try, so pings are looked up in the last four days' partitions.
PING_DAYS = 4
# A decision in four makes an offer, as in the mix of pings that is sent.
DECISIONS_A_GRANT = 4
# People come back to the same places: more of them than this are in nobody's memory.
MOST_VISITED = 20


@dataclass(frozen=True, slots=True)
class Size:
    """`decisions`: that the ledger holds when the measuring begins; `web`: processes that answer."""

    zones: int
    customers: int
    decisions: int
    web: int

    @property
    def pings(self) -> int:
        """That lie in the partitions of the last days."""
        return PINGS_A_DECISION * min(self.decisions, PING_DAYS * DECISIONS_A_DAY)

    @property
    def grants(self) -> int:
        return self.decisions // DECISIONS_A_GRANT

    @property
    def known(self) -> int:
        """Customers who have been decided for before; with less than one decision each, some have not."""
        return min(self.customers, self.decisions)

    @property
    def visited(self) -> int:
        """Zones in the memory of each of them."""
        return min(MOST_VISITED, -(-self.decisions // self.customers))


@dataclass(frozen=True, slots=True)
class Point:
    factor: Factor
    size: Size

    @property
    def label(self) -> str:
        size = self.size
        if self.factor in {"base", "all"}:
            people = f"{size.customers:,} customers, {size.decisions:,} decisions"
            return f"{self.factor}: {size.zones:,} zones, {people}, {size.web} web"
        return f"{getattr(size, self.factor):,} {'web processes' if self.factor == 'web' else self.factor}"


@dataclass(frozen=True, slots=True)
class Course:
    """The values of each factor, ascending; the first of each is the base's. `seconds`: of each measured part."""

    zones: tuple[int, ...]
    customers: tuple[int, ...]
    decisions: tuple[int, ...]
    web: tuple[int, ...]
    seconds: float

    @property
    def base(self) -> Size:
        return Size(self.zones[0], self.customers[0], self.decisions[0], self.web[0])

    @property
    def largest(self) -> Size:
        return Size(self.zones[-1], self.customers[-1], self.decisions[-1], self.web[-1])

    def grown(self, factor: Literal["zones", "customers", "decisions", "web"]) -> list[Point]:
        """The base with one factor larger, the smaller of them first: a database only ever grows."""
        values: tuple[int, ...] = getattr(self, factor)[1:]
        return [Point(factor, replace(self.base, **{factor: value})) for value in values]

    def points(self) -> list[Point]:
        grown = [
            point for factor in ("zones", "customers", "decisions", "web") for point in self.grown(factor)
        ]
        return [Point("base", self.base), *grown, Point("all", self.largest)]


COURSES = {
    "small": Course((1_000, 2_000), (50_000, 100_000), (0, 200_000), (1, 2), seconds=3.0),
    "medium": Course((1_000, 10_000), (50_000, 1_000_000), (0, 10_000_000), (1, 2, 4), seconds=8.0),
    "full": Course(
        (1_000, 10_000, 100_000),
        (50_000, 1_000_000, 5_000_000),
        (0, 10_000_000, 50_000_000),
        (1, 2, 4),
        seconds=8.0,
    ),
}
