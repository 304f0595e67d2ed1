import gzip
import io
import json
import tracemalloc
import zlib

import pytest

from tests.unit.web.conftest import DOCUMENT_BYTES, IMPORT_BYTES, PING_BYTES

SHELF = {"name": "tea", "height_m": 1.5}
# Without the time, which would name the tests anew each second.
EMPTY = gzip.compress(b"{}", mtime=0)


def test_a_good_body_is_taken_plain_and_compressed_whatever_its_kind_of_json(put):
    assert put(SHELF).json == {"name": "tea"}
    assert put(gzip.compress(json.dumps(SHELF).encode()), Content_Encoding="gzip").json == {"name": "tea"}
    assert put(SHELF, Content_Type="application/geo+json; charset=utf-8").json == {"name": "tea"}


def test_all_that_is_wrong_is_told_at_once_with_a_place_and_a_way_out(put, problem_of):
    wrong = {"name": "TEA", "height_m": 0, "kind": "ajar", "hight_m": 2}
    problem = problem_of(put(wrong), 422, "invalid")
    assert problem["detail"] == "4 values are not acceptable."
    assert problem["errors"] == [
        {
            "where": "/name",
            "what": "String should match pattern '^[a-z]+$'",
            "do": "Send a text that matches ^[a-z]+$.",
        },
        {"where": "/height_m", "what": "Input should be greater than 0", "do": "Send more than 0.0."},
        {
            "where": "/kind",
            "what": "Input should be 'open' or 'closed'",
            "do": "Send one of: 'open' or 'closed'.",
        },
        {
            "where": "/hight_m",
            "what": "Extra inputs are not permitted",
            "do": "Remove it, or correct its spelling.",
        },
    ]


@pytest.mark.parametrize("document", [[], "tea", 7, None, True, [SHELF]])
def test_a_document_of_the_wrong_kind_is_invalid(put, problem_of, document):
    problem = problem_of(put(document), 422, "invalid")
    assert problem["errors"]


def test_wrong_types_are_not_bent_into_right_ones(put, problem_of):
    problem = problem_of(put({"name": 7, "height_m": "1.5"}), 422, "invalid")
    assert [(error["where"], error["do"]) for error in problem["errors"]] == [
        ("/name", "Send a text."),
        ("/height_m", "Send a number."),
    ]


def test_a_wrong_query_is_told_by_its_parameter(client, problem_of):
    problem = problem_of(client.get("/shelves?limit=0&colour=red"), 422, "invalid")
    assert [error["where"] for error in problem["errors"]] == ["?limit", "?colour"]


def test_a_cursor_that_is_not_ours_is_refused(client, problem_of):
    for cursor in ("x", "!!!!", "WzFd", "é", "W10"):
        problem_of(client.get("/shelves", query_string={"cursor": cursor}), 400, "cursor_invalid")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"name": ', "json_invalid"),
        (b"name=tea", "json_invalid"),
        (b'{"name": "tea", "height_m": NaN}', "json_invalid"),
        (b'{"name": "tea", "name": "coffee", "height_m": 1}', "json_duplicate_key"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "json_too_deep"),
        (b"", "body_missing"),
    ],
)
def test_what_is_not_strict_json_is_a_problem_on_every_route(client, put, problem_of, content, code):
    problem_of(put(content), 400, code)
    if code != "json_too_deep":
        problem_of(client.post("/raw", data=content, content_type="application/json"), 400, code)


def test_ten_thousand_levels_are_a_problem_on_every_route(client, problem_of, edge):
    edge.config["BEACON_BODY_LIMITS"] = dict.fromkeys(("document", "import", "raw"), 1_000_000)
    content = b"[" * 10_000 + b"]" * 10_000
    for method, path in (("PUT", "/shelves/a"), ("POST", "/raw"), ("POST", "/imports")):
        answer = client.open(path, method=method, data=content, content_type="application/json")
        problem_of(answer, 400, "json_too_deep")


class Untouched(io.BytesIO):
    """A body that must not be read."""

    def read(self, _size=-1):
        pytest.fail("the body was read")

    readinto = readline = read


def test_fifty_megabytes_are_refused_unread(client, problem_of):
    answer = client.put(
        "/shelves/a",
        input_stream=Untouched(b"[]"),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "50000000"},
    )
    assert str(DOCUMENT_BYTES) in problem_of(answer, 413, "too_large")["detail"]


def test_a_body_that_does_not_tell_its_length_is_read_to_the_bound_and_refused(client, problem_of):
    source = io.BytesIO(b" " * 50_000)
    answer = client.put(
        "/shelves/a",
        input_stream=source,
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    problem_of(answer, 413, "too_large")
    assert source.tell() <= DOCUMENT_BYTES + io.DEFAULT_BUFFER_SIZE


def test_a_gzip_bomb_is_refused_at_the_bound_and_never_unfolds(put, problem_of):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(b"[" + b" " * 1_500_000 + b"]") + packer.flush()
    assert len(bomb) < DOCUMENT_BYTES
    put(SHELF)  # what is loaded on first use is not the bomb's
    tracemalloc.start()
    try:
        answer = put(bomb, Content_Encoding="gzip")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    problem_of(answer, 413, "too_large")
    assert peak_bytes < 500_000


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        EMPTY[:-4],
        EMPTY + EMPTY,
        EMPTY + b"x",
    ],
)
def test_a_broken_gzip_stream_is_a_problem(put, problem_of, content):
    problem_of(put(content, Content_Encoding="gzip"), 400, "encoding_invalid")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_other_encodings_are_not_taken(put, problem_of, encoding):
    problem_of(put(SHELF, Content_Encoding=encoding), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""],
)
def test_other_types_are_not_taken(client, put, problem_of, content_type):
    problem_of(put(SHELF, Content_Type=content_type), 415, "unsupported_media_type")
    problem_of(client.post("/raw", data=b"{}", content_type=content_type), 415, "unsupported_media_type")


def test_each_kind_of_body_has_its_own_bound(client, put, problem_of):
    def padded(size):
        shelf = json.dumps(SHELF).encode()
        return shelf + b" " * (size - len(shelf))

    assert put(padded(DOCUMENT_BYTES)).status_code == 200
    problem_of(put(padded(DOCUMENT_BYTES + 1)), 413, "too_large")
    for path, limit in (("/imports", IMPORT_BYTES), ("/raw", PING_BYTES)):
        assert client.post(path, data=padded(limit), content_type="application/json").status_code == 200
        problem_of(
            client.post(path, data=padded(limit + 1), content_type="application/json"), 413, "too_large"
        )
