"""What phones are sent, and what the push services' answers mean."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from beacon_service.customers.schema import Push
from beacon_service.delivery import push_apns, push_fcm, push_web
from beacon_service.delivery.client import Answer
from beacon_service.delivery.outbox import Address
from beacon_service.delivery.push import Notice, fitted, notice_of
from tests.factories.push_services import Browser, pem
from tests.unit.delivery.test_outbox import NOW, delivery

BODY = {
    "decision_id": "d1",
    "campaign": "coffee",
    "customer_id": "anna",
    "installation_id": "phone",
    "site": "shop",
    "zone": "cafe",
    "offer": {
        "id": "c",
        "title": "Coffee",
        "body": "On us",
        "image_url": None,
        "link": "https://x.example/",
        "code": "CUP",
    },
    "expires_at": "2026-06-03T13:00:00Z",
}
WRITERS = [(push_fcm.message_to("t" * 160, NOW), 3800), (push_apns.written, 4096), (push_web.written, 3993)]


def notice(**fields):
    plain = Notice("m1", "d1", "Coffee", "On us", None, "https://x.example/", NOW + timedelta(minutes=2))
    return plain._replace(**fields)


def answer(status, body=b"", **headers):
    return Answer(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize("writer", WRITERS)
def test_no_code_no_place_and_no_name_goes_by_a_push_service(writer):
    found = notice_of(delivery(channel="push", body=json.dumps(BODY).encode()))
    sent = fitted(found, *writer).decode()
    assert "Coffee" in sent
    assert "d1" in sent
    for secret in ("CUP", "cafe", "shop", "anna"):
        assert secret not in sent


@pytest.mark.parametrize("writer", WRITERS)
@given(st.text(max_size=2000), st.booleans())
def test_whatever_an_offer_says_it_fits_into_what_the_service_takes(writer, text, pictured):
    write, most = writer
    long = notice(
        title="é" * 200, body=text or "x", link="https://x.example/" + "a" * 2000,
        image_url="https://x.example/" + "b" * 2000 if pictured else None,
    )  # fmt: skip
    assert len(fitted(long, write, most)) <= most


def test_what_does_not_fit_is_cut_as_late_as_it_can_be():
    long = notice(body="abc" * 3000)
    sent = fitted(long, push_web.written, 3993)
    assert 3993 - 6 <= len(sent) <= 3993
    said = json.loads(sent)["body"]
    assert said.endswith("…")
    assert long.body.startswith(said[:-1])


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (404, "UNREGISTERED", "gone"),
        (400, "INVALID_ARGUMENT", "refused"),
        (401, "THIRD_PARTY_AUTH_ERROR", "credentials"),
        (403, "SENDER_ID_MISMATCH", "refused"),
        (403, "PERMISSION_DENIED", "credentials"),
        (429, "QUOTA_EXCEEDED", "retry"),
        (500, "INTERNAL", "retry"),
        (503, "UNAVAILABLE", "retry"),
    ],
)
def test_what_fcm_says_means_one_thing(status, code, outcome):
    details = [{"@type": "x", "errorCode": code}]
    refused = answer(status, {"error": {"status": "NO", "details": details}}, **{"retry-after": "7"})
    attempt = push_fcm.judged(refused, NOW)
    assert attempt.outcome == outcome
    assert attempt.retry_after_s == (7 if outcome == "retry" else None)
    assert push_fcm.judged(answer(status, b"<html>"), NOW).outcome != "sent"


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (410, "Unregistered", "gone"),
        (400, "BadDeviceToken", "refused"),
        (413, "PayloadTooLarge", "refused"),
        (400, "TopicDisallowed", "credentials"),
        (403, "InvalidProviderToken", "credentials"),
        (403, "ExpiredProviderToken", "credentials"),
        (429, "TooManyRequests", "retry"),
        (503, "ServiceUnavailable", "retry"),
    ],
)
def test_what_apns_says_means_one_thing(status, reason, outcome):
    assert push_apns.judged(answer(status, {"reason": reason}), NOW).outcome == outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, "sent"), (202, "sent"), (404, "gone"), (410, "gone"), (401, "credentials"), (413, "refused"), (429, "retry"), (502, "retry")],
)  # fmt: skip
def test_what_a_browsers_service_says_means_one_thing(status, outcome):
    assert push_web.judged(answer(status), NOW).outcome == outcome


def test_only_the_browser_reads_what_it_is_sent():
    browser, other = Browser("https://push.example/1"), Browser("https://push.example/2")
    sealed = push_web.encrypted(b'{"title":"Coffee"}', Address(**browser.push))
    assert browser.read(sealed) == {"title": "Coffee"}
    assert b"Coffee" not in sealed
    with pytest.raises(Exception, match=r"."):
        other.read(sealed)


def test_it_is_the_encryption_that_the_specification_shows():
    """RFC 8291, appendix A, with its keys and salt."""
    receiver = ec.derive_private_key(
        int.from_bytes(of("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")), ec.SECP256R1()
    )
    body = of(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg"
        "Dll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    read = http_ece.decrypt(
        body, private_key=receiver, auth_secret=of("BTBZMqHH6r4Tts7J_aSIgg"), version="aes128gcm"
    )
    assert read == b"When I grow up, I want to be a watermelon"


def test_a_browsers_service_is_told_who_sends():
    key = push_web.VapidKey.of(pem(ec.generate_private_key(ec.SECP256R1())), "mailto:ops@shop.example")
    token = key.token("https://push.example", NOW)
    claims = jwt.decode(
        token, key.private_key.public_key(), algorithms=["ES256"], audience="https://push.example",
        options={"verify_exp": False},
    )  # fmt: skip
    assert claims["sub"] == "mailto:ops@shop.example"
    assert 0 < claims["exp"] - NOW.timestamp() <= 86_400
    assert len(of(key.public)) == 65


def test_another_curves_key_is_no_vapid_key():
    with pytest.raises(ValueError, match="P-256"):
        push_web.VapidKey.of(pem(ec.generate_private_key(ec.SECP384R1())), "mailto:ops@shop.example")


@pytest.mark.parametrize(
    "push",
    [
        {"provider": "apns", "token": "not hex"},
        {"provider": "apns", "token": "../../admin"},
        {"provider": "webpush", "token": "https://push.example/1"},
        {"provider": "webpush", "token": "file:///etc/passwd", "p256dh": "A" * 87, "auth": "A" * 22},
        {"provider": "webpush", "token": "https://push.example/1", "p256dh": "A" * 86, "auth": "A" * 20},
        {
            "provider": "webpush",
            "token": "https://push.example/1",
            "p256dh": "A" * 87,
            "auth": "no base64!! 1234567",
        },
    ],
)
def test_an_address_that_nothing_can_be_sent_to_is_refused_at_registration(push):
    with pytest.raises(ValidationError):
        Push.model_validate(push)


@pytest.mark.parametrize(
    "push",
    [
        {"provider": "fcm", "token": "abc:def"},
        {"provider": "apns", "token": "00fc13ad"},
        {"provider": "another", "token": "as it was"},
        Browser("https://push.example/1").push,
    ],
)
def test_the_services_own_addresses_are_taken_as_they_are(push):
    assert Push.model_validate(push).model_dump(exclude_none=True) == push


def of(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
