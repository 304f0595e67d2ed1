import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from beacon_service.errors import BadRequest
from beacon_service.web.strict_json import MAX_DEPTH, decode_strict, has_duplicate_keys, refuse_loose


def problem(body, read=decode_strict):
    with pytest.raises(BadRequest) as raised:
        read(body)
    return raised.value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"a": 1,}', "line 1, column 9"),
        (b'{\n"a": [1, 2\n}', "line 3, column 1"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b'{"a": 1e999}', "a number in it is out of range"),
        (b"9" * 5000, "The body is not"),
        (b'"\xff"', "not UTF-8: the byte at position 1"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b"\xef\xbb\xbf{}", "The body is not valid JSON"),
        (b'{"a": 1} x', "column 10"),
        (b'{"name": "x\\u0000"}', "U+0000"),
        (b'{"x\\u0000": [1]}', "U+0000"),
        (b'[["\\u0000"]]', "U+0000"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_a_sentence_that_says_why(body, says):
    for read in (decode_strict, refuse_loose):
        found = problem(body, read)
        assert found.code == "json_invalid"
        assert says in found.detail


def test_a_key_that_stands_twice_is_named():
    found = problem(b'{"a": [{"cap": 3, "x": 1, "cap": 30}]}')
    assert found.code == "json_duplicate_key"
    assert '"cap" stands twice' in found.detail


def test_an_escaped_backslash_before_u0000_is_a_text_like_any_other():
    assert decode_strict(rb'"\\u0000"') == r"\u0000"


@pytest.mark.parametrize("pair", [b"[]", b"{}"])
def test_nesting_is_taken_up_to_the_bound_and_not_one_level_deeper(pair):
    opening = b'{"a":' if pair == b"{}" else b"["

    def nested(levels):
        return opening * (levels - 1) + pair + pair[1:] * (levels - 1)

    decode_strict(nested(MAX_DEPTH))
    assert problem(nested(MAX_DEPTH + 1)).code == "json_too_deep"


@pytest.mark.parametrize("read", [decode_strict, refuse_loose])
@pytest.mark.parametrize(
    "body", [b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000]
)
def test_ten_thousand_levels_are_a_clear_refusal(read, body):
    assert problem(body, read).code == "json_too_deep"


def test_brackets_in_texts_do_not_count_as_nesting():
    flat = ["[" * 200, '"' + "{" * 200, "\\" + "[" * 200]
    assert decode_strict(json.dumps([flat] * 40).encode()) == [flat] * 40


def test_brackets_in_texts_do_not_hide_nesting():
    body = b'["]",' * 70 + b"0" + b"]" * 70
    assert problem(body).code == "json_too_deep"


# Keys and texts made of what confuses a counter: quotes, colons, backslashes, blanks.
TRICKY = st.text(alphabet='":\\ \t\nau/{}[],é\x01\u2028', max_size=6)


@st.composite
def documents(draw, depth=3):
    """JSON text, written with blanks and escapes at random, and whether an object in it repeats a key."""
    kind = draw(
        st.sampled_from(["text", "number", "array", "object", "object"] if depth else ["text", "number"])
    )
    if kind == "text":
        return written(draw, draw(TRICKY)), False
    if kind == "number":
        return str(draw(st.integers(-5, 5))), False
    items = draw(st.lists(documents(depth=depth - 1), max_size=3))
    repeats = any(repeated for _, repeated in items)
    if kind == "array":
        return "[" + ",".join(text for text, _ in items) + "]", repeats
    keys = [draw(TRICKY | st.sampled_from(["a", '":'])) for _ in items]
    blank = st.sampled_from(["", "", " ", "\t", "\n  ", "\r\n"])
    members = [
        draw(blank) + written(draw, key) + draw(blank) + ":" + draw(blank) + text + draw(blank)
        for key, (text, _) in zip(keys, items, strict=True)
    ]
    return "{" + ",".join(members) + "}", repeats or len(set(keys)) < len(keys)


def written(draw, text):
    escape_more = draw(st.sampled_from(["", "", '"', ":", '":', "au", "/"]))
    plain = json.dumps(text, ensure_ascii=draw(st.booleans()))[1:-1].replace('\\"', "\x00")
    for character in set(escape_more) - {'"'}:
        if character == "/":
            plain = plain.replace("/", "\\/")
        elif "\\" not in plain:
            plain = plain.replace(character, f"\\u{ord(character):04x}")
    return '"' + plain.replace("\x00", "\\u0022" if '"' in escape_more else '\\"') + '"'


@settings(max_examples=400, deadline=None)
@given(documents())
@example(('{"a" :1,"a":2}', True))
@example(('{"a":1,"a":"\\u0022:"}', True))
@example(('{"a":"\\":","a" :1}', True))
@example(('{"a":"\\" :","b" :1}', False))
@example(('{"\\u0061":1,"a":2}', True))
@example(('{"":1,"":2}', True))
@example(('[{"a":1},{"a":2}]', False))
@example(('{"a":{"a":1}}', False))
def test_repeated_keys_are_found_exactly_however_the_document_is_written(document):
    text, repeats = document
    json.loads(text)
    assert has_duplicate_keys(text.encode()) is repeats


def test_a_document_without_repeats_is_not_parsed_by_the_slow_reader(monkeypatch):
    monkeypatch.setattr(
        "beacon_service.web.strict_json.json.loads", lambda *_args, **_options: pytest.fail("slow")
    )
    pings = {"pings": [{"ping_id": f"p{i}", "at": "2026-06-03T12:00:00Z", "note": 'x":'} for i in range(50)]}
    assert not has_duplicate_keys(msgspec.json.encode(pings))
    assert not has_duplicate_keys(msgspec.json.format(msgspec.json.encode(pings), indent=2))
