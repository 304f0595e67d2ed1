import pytest

from simulators.traces.files import write_trace
from tests.unit.simulators.traces.edits import DAY
from tests.unit.simulators.traces.lines import at, header


@pytest.fixture
def day(tmp_path):
    write_trace(tmp_path / "day.jsonl.gz", header(ends_at=at(60), sites=("hall",)), DAY)
    return tmp_path / "day.jsonl.gz"
