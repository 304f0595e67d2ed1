"""One ping located by itself, as the first pass of the engine locates a whole batch."""

from beacon_service.positioning.locate import Remembered, locate_all, sense


def locate(places, memory, sightings, position, at, *, belief=None, model=None):
    """Where the ping is held to be, and what its phone remembers of transmitters from then on."""
    sensed = sense(places, Remembered(memory, belief, model=model), sightings, position, at)
    return locate_all(places, [sensed])[0], sensed.heard
