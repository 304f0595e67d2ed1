"""What a zone is, where that matters: some places say more of a person than where they shop.

The sensitive ones follow what the field calls sensitive points of interest (Network Advertising Initiative, Precise
Location Information Solution Provider standards, 2022), the orders of the US Federal Trade Commission against
location brokers, and the kinds of data of article 9 GDPR that a visit gives away.
"""

from typing import Literal, TypeAlias, get_args

Ordinary: TypeAlias = Literal[
    "entrance",
    "retail",
    "food",
    "service",
    "leisure",
    "culture",
    "sport",
    "lodging",
    "transport",
    "parking",
    "work",
]
Sensitive: TypeAlias = Literal[
    "health",  # hospitals, clinics, practices, a pharmacy's counter
    "mental_health",
    "reproductive_health",
    "addiction_care",
    "worship",
    "school",
    "childcare",  # nurseries, playgrounds, what else is made for children
    "shelter",  # of the homeless, of refugees, from violence
    "social_service",
    "correction",  # prisons, probation
    "military",
    "immigration",
    "politics",  # parties, demonstrations
    "union",
    "lgbtq",
]
Category: TypeAlias = Literal[Ordinary, Sensitive]

SENSITIVE: frozenset[str] = frozenset(get_args(Sensitive))
