"""What an edit changed, told field by field."""

import pytest

from beacon_service.configuration.changes import LONGEST_SHOWN, changes_between


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("/a", 1, 2)]),
        ({"a": 1}, {}, [("/a", 1, None)]),
        ({}, {"a": 1}, [("/a", None, 1)]),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, [("/a/b/1/c", 2, 3)]),
        ({"a": [1]}, {"a": [1, 2]}, [("/a", [1], [1, 2])]),
        ({"a/b": 1}, {"a/b": 2}, [("/a~1b", 1, 2)]),
        ({"a": None}, {"a": {"b": 1}}, [("/a", None, {"b": 1})]),
        ({"a": 1, "b": 1}, {"b": 2, "a": 2}, [("/a", 1, 2), ("/b", 1, 2)]),
    ],
)
def test_each_difference_is_told_as_deep_as_it_lies(before, after, changes):
    assert [tuple(change) for change in changes_between(before, after)] == changes


def test_what_is_too_long_to_read_is_told_by_its_length():
    (change,) = changes_between({"a": "x"}, {"a": "x" * LONGEST_SHOWN})
    assert (change.before, change.after) == ("x", f"({LONGEST_SHOWN + 2} bytes)")
