"""The tutorial, run from its first line to its last as one script against a service as an operator runs it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def test_it_works_as_it_is_written(place, tmp_path):
    steps = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(steps) == 6
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    variables = {
        "BEACON_URL": place.service.address,
        "BEACON_DATABASE_URL": place.service.cluster.url(),
        "PUBLISHABLE_KEY": place.keys.publishable,
        "SECRET_KEY": place.keys.secret,
        "COLUMNS": "200",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(steps)],
        cwd=tmp_path,
        env=os.environ | variables | {"no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    walked, verified, changed = [
        json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"') and '"seconds"' in line
    ]
    assert walked["offers"] > 5
    assert (verified["differences"], verified["decisions"] > walked["offers"]) == (0, True)
    (lost,) = place.rows(
        "SELECT count(*) FROM decisions WHERE reasons ->> 'fresh-today' = 'cap' AND site = 'small-shop'"
    )[0]
    assert changed["kinds"] == {"gained": lost}
    assert lost > 0
