import re
from pathlib import Path

from beacon_service.errors import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()


def test_every_code_is_documented_beside_its_status_and_no_other():
    documented = {
        code: {int(status) for status in re.findall(r"\d{3}", statuses)}
        for statuses, codes in re.findall(r"^\| ([\d, ]+) \| (`[^|]+) \|", PAGE, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert set(documented) | {"http_error"} == set(KINDS)
    assert all(KINDS[code].status in statuses for code, statuses in documented.items())
