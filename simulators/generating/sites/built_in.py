"""The sites that `beacon-sim generate` brings along, by name."""

from collections.abc import Callable, Mapping

from simulators.generating.sites.mall import mall
from simulators.generating.sites.stores import department_store, small_shop, supermarket
from simulators.venue import Venue

# Each of a seed: the mall's beacons hang a little differently with another one, the stores' do not.
BUILT_IN: Mapping[str, Callable[[int], Venue]] = {
    "small-shop": lambda _seed: small_shop(),
    "supermarket": lambda _seed: supermarket(),
    "department-store": lambda _seed: department_store(),
    "mall": mall,
}
