"""Records in order of time, however many: what lies on disk comes back whole and in its place."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from simulators.traces.converting.sorting import ByTime

times = st.integers(0, 7_000_000_000_000_000) | st.integers(0, 3)


@given(
    st.lists(st.tuples(times, st.binary(max_size=5).map(bytes.hex)), max_size=60),
    st.sampled_from([1, 300, 10**6]),
)
def test_records_come_in_order_of_time_and_of_adding_where_times_are_the_same(records, run_bytes):
    with ByTime(run_bytes) as spool:
        for at_us, record in records:
            spool.add(at_us, record.encode())
        told = [line.decode() for line in spool]
        bounds = (spool.first_us, spool.last_us)
    assert told == [record for _, record in sorted(records, key=lambda each: each[0])]
    assert bounds == ((min(records)[0], max(records)[0]) if records else (None, None))


def test_what_was_spilled_is_gone_afterwards():
    with ByTime(1) as spool:
        spool.add(1, b"x")
        folder = Path(spool._folder)
        assert list(folder.iterdir())
    assert not folder.exists()
