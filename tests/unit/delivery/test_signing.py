"""Messages are signed as Standard Webhooks has it, by secrets that are kept nowhere."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from beacon_service.delivery.signing import derived, headers

KEY = "a key of the tests, long enough to pass"
BODY = '{"type":"offer.decided","data":{"title":"Café"}}'


def test_the_librarys_own_verifier_believes_the_signature():
    secret = derived(KEY, "till", b"salt")
    signed = headers([secret], "msg-1", datetime.now(UTC), BODY)
    assert Webhook(secret).verify(BODY, signed)["type"] == "offer.decided"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.replace("Café", "Cafe"), signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, signed | {"webhook-id": "msg-2"})


def test_it_is_the_signature_that_the_specification_shows():
    """The worked example of the Standard Webhooks documentation's libraries."""
    signed = headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        '{"test": 2432232314}',
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_one_secret_replaces_another_either_verifies():
    old, new = derived(KEY, "till", b"old"), derived(KEY, "till", b"new")
    signed = headers([new, old], "msg-1", datetime.now(UTC), BODY)
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(derived(KEY, "till", b"other")).verify(BODY, signed)


def test_a_secret_follows_from_key_webhook_and_salt():
    secrets = {
        derived(KEY, "till", b"1"),
        derived(KEY, "till", b"2"),
        derived(KEY, "desk", b"1"),
        derived(KEY + "!", "till", b"1"),
    }
    assert len(secrets) == 4
    assert derived(KEY, "till", b"1") in secrets
    assert all(secret.startswith("whsec_") for secret in secrets)
