"""Random bits that are no secrets: seeds of decisions, numbers of requests.

Seeded by the operating system once; asking it each time would cost every ping a system call, and the interpreter to
whoever waits for it.
"""

import os
import random

_source = random.Random()
os.register_at_fork(after_in_child=_source.seed)

random_bits = _source.getrandbits
