"""Requests made from the service's own description, sound and broken ones: never a 500, never an answer that it does
not describe.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from beacon_service import auth, partitions
from beacon_service.db import db, transaction
from tests.factories.brand import Brand, campaign_body

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 5


@pytest.fixture
def described(app, clock):
    """The description as the application tells it, with something there to be found."""
    brand = Brand(app, clock)
    brand.open_shop()
    brand.put("/campaigns/coffee", campaign_body())
    with app.app_context():
        app.extensions["secret"] = auth.create_key(db.session, kind="secret", name="all", at=clock.now())
        db.session.commit()
        with transaction(db.engine) as connection:
            partitions.ensure(connection, clock.now().date())
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


def told(operation, mode, headers):
    """What is wrong with the operation's answers to such requests, if anything."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        return None  # nothing can be broken of a request that takes nothing
    except (FailureGroup, Failure) as failures:
        return f"{operation.label}: {failures}"
    return None


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["sound", "broken"])
def test_every_route_answers_as_it_says(described, app, mode):
    headers = {"Authorization": f"Bearer {app.extensions['secret']}"}
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 60
    wrong = [said for operation in operations if (said := told(operation, mode, headers)) is not None]
    assert wrong == [], "\n\n".join(wrong)
