import json

import pytest
from structlog.testing import capture_logs

SECRETS = ("sk_verysecret", "it_token", "customer-4711", "52.5163", "13.3777", "203.0.113.9")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/shelves/customer-4711?latitude=52.5163"),
        ("GET", "/shelves?cursor=customer-4711"),
        ("GET", "/customer-4711/52.5163"),
        ("GET", "/fails/unexpected?at=13.3777"),
        ("customer-4711", "/shelves"),
    ],
)
def test_a_log_line_tells_nothing_of_whom_or_where(client, method, path):
    with capture_logs() as logged:
        client.open(
            path,
            method=method,
            json={"name": "customer-4711", "latitude": 52.5163},
            headers={"Authorization": "Bearer sk_verysecret", "Beacon-Installation-Token": "it_token"},
            environ_overrides={"REMOTE_ADDR": "203.0.113.9"},
        )
    (line,) = [line for line in logged if line["event"] == "request"]
    assert set(line) == {"event", "log_level", "request_id", "method", "route", "status", "duration_ms"}
    assert not [secret for secret in SECRETS if secret.lower() in json.dumps(logged).lower()]


def test_a_log_line_names_the_route_and_the_request_that_the_answer_names(client):
    with capture_logs() as logged:
        answer = client.get("/fails/rate")
    (line,) = logged
    assert (line["method"], line["route"], line["status"]) == ("GET", "/fails/<kind>", 429)
    assert line["request_id"] == answer.headers["Request-Id"]


def test_requests_are_counted_by_route_and_status_and_never_by_address(client, edge):
    client.get("/fails/rate")
    client.get("/customer-4711")
    client.open("/shelves", method="customer-4711")
    text = edge.extensions["metrics"].text().decode()
    assert 'beacon_http_requests_total{method="GET",route="/fails/<kind>",status="429"} 1.0' in text
    assert 'beacon_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'beacon_http_requests_total{method="other",' in text
    assert "4711" not in text
