"""Rings are asked by all threads of a process at once, from the first moment on."""

import subprocess
import sys
import threading
from dataclasses import replace

import shapely

from beacon_service.geo import degrees
from beacon_service.positioning.rings import Rings
from beacon_service.zones.model import Located
from tests.factories.catalogue import SOUTH, WEST, places, square, zone_document

THREADS = 3


def test_the_first_questions_may_come_from_several_threads_at_once():
    """In a process of its own: what is built by two threads at once takes the process with it."""
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "answered\n"), done.stderr[-2000:]


def ask_new_rings():
    """Rings that nobody has asked yet, around a zone of forty thousand corners."""
    (zone,) = places(zones=[zone_document(geometry=square(0, 0, columns=20, rows=20))]).zones.values()
    around = [fix(*where) for where in ((50, 50), (-80, 50), (50, -120), (-40, -40))]
    for number in range(20):
        many = shapely.segmentize(zone.geometry, 2e-7 + number * 1e-12)
        rings = Rings([(replace(zone, geometry=many), 50)])
        together = threading.Barrier(THREADS)

        def ask(rings=rings, together=together):
            together.wait()
            rings.nearness(around)

        asking = [threading.Thread(target=ask) for _ in range(THREADS)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()


def fix(east_m, north_m):
    east, north = degrees(east_m, north_m, SOUTH)
    return Located("position", (), WEST + east, SOUTH + north, 20.0)


if __name__ == "__main__":
    sys.setswitchinterval(1e-5)
    ask_new_rings()
    print("answered")
