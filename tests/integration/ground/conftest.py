import re
import uuid

import pytest


@pytest.fixture
def wire(tmp_path):
    """Counts what libpq itself says it sends while `act` runs, by kind of message."""

    def count(connection, act):
        path = tmp_path / f"trace-{uuid.uuid4()}"
        with path.open("w") as trace:
            connection.pgconn.trace(trace.fileno())
            act()
            connection.pgconn.untrace()
        kinds = re.findall(r"\tF\t\d+\t(\w+)", path.read_text())
        return {kind: kinds.count(kind) for kind in kinds}

    return count
