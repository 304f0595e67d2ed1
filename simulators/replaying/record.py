"""What was sent and what came of it, in numbers: kept while a trace is played, and told at its end."""

from collections.abc import Sequence

from msgspec import Struct, field

from simulators.replaying.latencies import Latencies

# What went wrong once goes wrong a thousand times; a reader needs a few examples and the number.
MOST_PROBLEMS = 20
# A service has far fewer campaigns; what comes beyond is counted, not listed.
MOST_CAMPAIGNS = 10_000

OUTCOMES = ("delivered", "viewed", "clicked", "dismissed", "redeemed")
STATUSES = ("accepted", "late", "duplicate", "rejected")


class Offered(Struct):
    """What became of one campaign's offers."""

    title: str = ""
    offered: int = 0
    outcomes: dict[str, int] = {}
    bought: int = 0


class Record(Struct):
    """`planned`: pings of the lines that were played so far; each of them is to get a verdict."""

    planned: int = 0
    verdicts: dict[str, int] = {}
    reasons: dict[str, int] = {}
    moves: dict[str, int] = {}
    installations: int = 0
    purchases: int = 0
    offers: dict[str, Offered] = {}
    problems: list[str] = []
    more_problems: int = 0
    answered: Latencies = field(default_factory=Latencies)  # what a request took
    late: Latencies = field(default_factory=Latencies)  # by how much it was sent after its time
    statuses: dict[int, int] = {}  # of answers, and why there were none: filled in when the replay ends
    failed: dict[str, int] = {}

    @property
    def judged(self) -> int:
        """Pings that got a verdict."""
        return sum(self.verdicts.values())

    @property
    def server_errors(self) -> int:
        return sum(times for status, times in self.statuses.items() if status >= 500)

    @property
    def made(self) -> int:
        """Offers that were made."""
        return sum(each.offered for each in self.offers.values())

    def verdict(self, status: str, reasons: Sequence[str]) -> None:
        count(self.verdicts, status)
        if status == "rejected":
            for reason in reasons or ["unspecified"]:
                count(self.reasons, reason)

    def offered(self, campaign: str, title: str) -> Offered:
        if campaign not in self.offers and len(self.offers) >= MOST_CAMPAIGNS:
            campaign, title = "(others)", "beyond those listed"
        return self.offers.setdefault(campaign, Offered(title))

    def problem(self, sentence: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(sentence)
        else:
            self.more_problems += 1


def count(counts: dict[str, int], name: str, by: int = 1) -> None:
    counts[name] = counts.get(name, 0) + by
