"""What a kept document leaves unsaid: fields that the first documents did not have, where they say nothing new."""

from typing import Any

# What documents learned to say after the first of them were kept, by the field that it stands in, and what silence on
# it means: that is left out, so that those stay as they are and the same body sent again still changes nothing.
_LEARNED: dict[str, dict[str, Any]] = {
    "": {
        "kind": "promotion",
        "tags": [],
        "blackouts": [],
        "min_gap_s": None,
        "suppression": None,
        "group": None,
        "fallback": False,
        "quiet": None,
        "time_zone": "UTC",
        "value": 1.0,
        "lever": 1.0,
        "context": ["affinity"],
        "learn": None,
    },
    "learn": {"by": None},
    "offers": {"weight": 1.0, "cost": 0},
    "budget": {"of": "offers", "per_site": False, "pacing": "fast"},
    "dayparts": {"days": None, "rule": None, "starts_on": None},
    "quiet": {"days": None},
    "trigger": {
        **dict.fromkeys(("event", "absent_days", "delay_s", "recheck", "good_for_s", "within_m")),
        "include_already_absent": False,
    },
    "caps": {"tag": None, "channel": None},
    "window": {"week_start": None},
}


def without_silence(body: dict[str, Any], within: str = "") -> dict[str, Any]:
    """The same without what is as it is where nothing was said of it."""
    silence = _LEARNED[within]
    return {
        name: _without_silence(value, name)
        for name, value in body.items()
        if name not in silence or value != silence[name]
    }


def _without_silence(value: Any, name: str) -> Any:
    if name not in _LEARNED:
        return value
    if isinstance(value, list):
        return [without_silence(one, name) for one in value]
    return without_silence(value, name) if isinstance(value, dict) else value
