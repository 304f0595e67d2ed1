"""By which text a survey's transmitters are known: an address that lives on, or an identity that outlives addresses."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from beacon_service.positioning.survey import SurveyWalk
from beacon_service.zones.model import Sighting

# Addresses of phones and of some tags change within a quarter of an hour; a beacon's stays for weeks. Three
# addresses under one identity, below which a short life may be chance.
ROTATES_WITHIN_MS, FEWEST_ROTATING = 15 * 60_000, 3


@dataclass(frozen=True)
class Names:
    """By what each transmitter is known: its address, or what it advertises where the address says nothing."""

    rotating: frozenset[str]  # identities whose addresses come and go: they count as one
    identities: Mapping[str, frozenset[str]]  # of each address that does not rotate
    holders: Mapping[str, int]  # how many addresses advertise an identity

    @classmethod
    def of(cls, walks: Sequence[SurveyWalk]) -> "Names":
        lives: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        identities: dict[str, set[str]] = defaultdict(set)
        for walk in walks:
            for t_ms, one in walk.sightings:
                if one.identity is not None and one.mac is not None:
                    lives[one.identity][one.mac].append(t_ms)
                    identities[one.mac].add(one.identity)
        return cls(
            rotating=frozenset(identity for identity, macs in lives.items() if rotates(macs.values())),
            identities={mac: frozenset(of) for mac, of in identities.items()},
            holders=Counter({identity: len(macs) for identity, macs in lives.items()}),
        )

    def name(self, one: Sighting) -> str | None:
        if one.identity is not None and (one.identity in self.rotating or one.mac is None):
            return one.identity
        return one.mac

    def aliases(self, transmitters: Sequence[str]) -> dict[str, int]:
        """Every text by which each may be heard: iOS tells no address, so an identity that one address has is it."""
        rows = {name: row for row, name in enumerate(transmitters)}
        alone = {
            identity: rows[mac]
            for mac, advertised in self.identities.items()
            for identity in advertised
            if mac in rows and self.holders[identity] == 1 and identity not in rows
        }
        return rows | alone


def rotates(lives: Iterable[Sequence[int]]) -> bool:
    """Whether most of an identity's addresses lived for minutes only."""
    spans = [max(times) - min(times) for times in lives]
    return len(spans) >= FEWEST_ROTATING and median(spans) < ROTATES_WITHIN_MS
