from benchmarks.wire import parse_response, post, response_length

RESPONSE = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 4\r\n\r\nbody"


def test_a_response_has_no_length_until_its_head_is_whole():
    assert response_length(RESPONSE[:20]) is None
    assert response_length(RESPONSE[:-2]) == len(RESPONSE)


def test_a_response_comes_apart_into_status_and_body():
    assert parse_response(RESPONSE).status == 200
    assert parse_response(RESPONSE).body == b"body"


def test_a_request_says_how_long_it_is():
    assert post("/pings", {"A": "b"}, b"{}").endswith(b"A: b\r\nContent-Length: 2\r\n\r\n{}")
