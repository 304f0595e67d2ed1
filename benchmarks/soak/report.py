"""A soak as lines, as JSON and as an exit status."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.soak.run import Soak
from benchmarks.soak.steadiness import Judged, overall


def status(verdicts: Sequence[Judged], wrong: int) -> int:
    return 0 if overall(verdicts) == "flat" and not wrong else 1


def text(soak: Soak) -> str:
    wrong = (
        f"{soak.wrong} WRONG ANSWERS, the first: {soak.first_wrong}"
        if soak.wrong
        else "every answer as it must be"
    )
    verdicts = [f"{one.state:18} {one.what}: {one.told}" for one in soak.verdicts]
    return "\n".join([*verdicts, f"{soak.answered:,} pings answered, {wrong}"])


def as_json(soak: Soak) -> str:
    found = {
        "verdict": overall(soak.verdicts),
        "minutes": round(soak.seconds / 60, 2),
        "web_processes": soak.web,
        "saturation_pings_per_s": soak.saturation and round(soak.saturation, 1),
        "pings_per_s": soak.rate and round(soak.rate, 1),
        "answered": soak.answered,
        "wrong_answers": soak.wrong,
        "verdicts": [asdict(one) for one in soak.verdicts],
        "samples": [asdict(sample) for sample in soak.samples],
    }
    return json.dumps(found)
