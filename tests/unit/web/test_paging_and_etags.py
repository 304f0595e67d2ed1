import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.errors import PreconditionFailed
from beacon_service.web import check_preconditions, decode_cursor, encode_cursor, etag, page, unchanged


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_cursor_leads_back_to_its_key(key):
    assert decode_cursor(encode_cursor(key)) == key


def test_a_page_has_a_successor_only_if_there_is_more():
    assert page(["a", "b", "c"], 2, key=str) == {"items": ["a", "b"], "next_cursor": encode_cursor("b")}
    assert page(["a", "b"], 2, key=str) == {"items": ["a", "b"], "next_cursor": None}
    assert page([], 2, key=str) == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("headers", "version", "allowed"),
    [
        ({}, 7, True),
        ({}, None, True),
        ({"If-Match": '"7"'}, 7, True),
        ({"If-Match": '"6", "7"'}, 7, True),
        ({"If-Match": '"6"'}, 7, False),
        ({"If-Match": 'W/"7"'}, 7, False),
        ({"If-Match": "*"}, 7, True),
        ({"If-Match": "*"}, None, False),
        ({"If-Match": '"7"'}, None, False),
        ({"If-None-Match": "*"}, None, True),
        ({"If-None-Match": "*"}, 7, False),
    ],
)
def test_an_edit_goes_only_over_what_its_author_has_seen(edge, headers, version, allowed):
    with edge.test_request_context(headers=headers):
        if allowed:
            check_preconditions(version)
        else:
            with pytest.raises(PreconditionFailed):
                check_preconditions(version)


def test_a_reader_who_has_the_version_need_not_get_it_again(edge):
    with edge.test_request_context(headers={"If-None-Match": f"{etag(6)}, W/{etag(7)}"}):
        assert unchanged(7)
        assert not unchanged(8)
    with edge.test_request_context():
        assert not unchanged(7)
