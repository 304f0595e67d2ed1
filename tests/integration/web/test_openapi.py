import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from beacon_service.errors import KINDS
from beacon_service.web.openapi import path_of


@pytest.fixture
def document(client):
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_description_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    errors = [
        f"{list(error.absolute_path)}: {error.message}"
        for error in OpenAPIV31SpecValidator(document).iter_errors()
    ]
    assert errors == []


def test_every_route_is_described(app, document):
    described = {(method, path) for method, path, _ in operations(document)}
    hidden = {"/openapi.json", "/metrics"}
    routes = {
        (method, path_of(rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule not in hidden
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described == routes


def test_every_operation_says_which_problems_it_may_end_in_and_which_keys_it_takes(document):
    schemes = set(document["components"]["securitySchemes"])
    assert schemes == {"publishableKey", "secretKey", "installationToken"}
    for _, _, operation in operations(document):
        for status in ("4XX", "429", "5XX", "503"):
            (content_type,) = operation["responses"][status]["content"]
            assert content_type == "application/problem+json"
        assert operation["security"]
        assert all(set(alternative) <= schemes for alternative in operation["security"])


def test_every_operation_has_a_name_of_its_own(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_code_is_listed(document):
    listed = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert set(listed) == set(KINDS)


def test_nothing_is_loaded_from_other_peoples_servers(client, document):
    assert "cdn" not in json.dumps(document)
    for path in ("/docs", "/redoc", "/static/app.js"):
        assert client.get(path).status_code == 404
