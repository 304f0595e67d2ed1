"""The index is asked by all threads of a process at once, from the first moment on."""

import subprocess
import sys
import threading

import numpy as np
import shapely

from beacon_service.zones.index import ZoneIndex
from beacon_service.zones.model import SiteId, Zone, zone_key

THREADS = 3


def test_the_first_questions_may_come_from_several_threads_at_once():
    """In a process of its own: what is built by two threads at once takes the process with it."""
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "answered\n"), done.stderr[-2000:]


def ask_new_indexes():
    """Indexes that nobody has asked yet, each of a zone of many thousand corners with a courtyard."""
    groups = np.random.default_rng(1).uniform(-0.5, 0.5, (40, 1, 2)) + np.linspace(0, 0.1, 9)[None, :, None]
    before = None
    for number in range(40):
        round_ = shapely.segmentize(shapely.Point(number * 1e-9, 0).buffer(1, quad_segs=5000), 1e-4)
        shape = round_.difference(shapely.Point(0, 0).buffer(0.1))
        index = ZoneIndex([Zone(zone_key("shop", "hall"), SiteId("shop"), None, "hall", shape)], before)
        before = index
        together = threading.Barrier(THREADS)

        def ask(index=index, together=together):
            together.wait()
            index.shares(groups)
            index.covering(groups.reshape(-1, 2))

        asking = [threading.Thread(target=ask) for _ in range(THREADS)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()


if __name__ == "__main__":
    sys.setswitchinterval(1e-5)
    ask_new_indexes()
    print("answered")
