"""What is read of a report's headers and body, whichever server took it."""

import io

import pytest
from werkzeug.exceptions import ClientDisconnected
from werkzeug.middleware.proxy_fix import ProxyFix

from beacon_service.pings.heard import Heard, address_of, announced, heard_by_asgi, heard_by_wsgi

MOST = 100


def by_wsgi(body=b"{}", proxies=0, **extra):
    environ = {
        "REQUEST_METHOD": "POST",
        "REMOTE_ADDR": "10.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": "Bearer pk",
        "HTTP_BEACON_INSTALLATION_TOKEN": "token",
        "HTTP_CONTENT_ENCODING": "gzip",
        "HTTP_X_FORWARDED_FOR": "192.0.2.1, 192.0.2.2",
        "wsgi.input": io.BytesIO(body),
    }
    return heard_by_wsgi(environ | extra, proxies=proxies, most_bytes=MOST)


def test_by_either_way_the_same_is_heard():
    headers = {
        b"authorization": b"Bearer pk",
        b"beacon-installation-token": b"token",
        b"content-type": b"application/json",
        b"content-encoding": b"gzip",
        b"x-forwarded-for": b"192.0.2.1, 192.0.2.2",
    }
    by_asgi = heard_by_asgi(headers, "10.0.0.1", b"{}", proxies=1)
    assert by_asgi == by_wsgi(proxies=1)
    assert by_asgi == Heard("Bearer pk", "token", "application/json", "gzip", "192.0.2.2", b"{}")
    assert heard_by_asgi({}, None, b"", proxies=0) == Heard(None, None, "", "", None, b"")


def test_of_a_body_as_much_is_read_as_shows_that_it_is_too_long():
    assert by_wsgi(b"x" * MOST).body == b"x" * MOST
    assert by_wsgi(b"x" * (MOST + 1)).body is None
    endless = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert by_wsgi(b"x" * 1000, **endless).body == b"x" * (MOST + 1)


@pytest.mark.parametrize("server", [{}, {"wsgi.input_terminated": True}])
def test_half_a_body_is_none(server):
    with pytest.raises(ClientDisconnected):
        by_wsgi(b"half", CONTENT_LENGTH="8", **server)


@pytest.mark.parametrize(
    ("told", "length"), [("12", 12), ("", None), (None, None), ("-1", None), ("1e3", None)]
)
def test_a_length_is_a_number_or_says_nothing(told, length):
    assert announced(told) == length


@pytest.mark.parametrize("proxies", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "forwarded", [None, "", "192.0.2.1", "192.0.2.1, 192.0.2.2", ' 192.0.2.1 ,"192.0.2.2",192.0.2.3', ",,"]
)
def test_whom_a_request_counts_against_is_whom_flask_would_say(proxies, forwarded):
    seen = []
    environ = {"REMOTE_ADDR": "10.0.0.1"} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
    ProxyFix(lambda fixed, _: seen.append(fixed["REMOTE_ADDR"]), x_for=proxies)(environ, None)
    assert [address_of("10.0.0.1", forwarded, proxies)] == seen
