import base64
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from beacon_service.errors import Forbidden
from beacon_service.identity.tokens import subject
from beacon_service.settings import IdentityKey

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
SECRET = "a secret that two servers share, long enough"
SHARED = IdentityKey(alg="HS256", key=SECRET)
CLAIMS = {"sub": "anna", "exp": NOW.timestamp() + 60, "installation": "phone-1"}


def signed(claims=CLAIMS, *, key=SECRET, alg="HS256"):
    return jwt.encode(claims, key, algorithm=alg)


def judge(token, *keys):
    return subject(token, keys or (SHARED,), installation_id="phone-1", now=NOW)


def pem(private):
    public = private.public_key()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def test_a_signed_token_names_the_customer():
    assert judge(signed()) == "anna"


def test_it_holds_for_its_last_second_and_a_little_more_but_not_for_long():
    assert judge(signed(CLAIMS | {"exp": NOW.timestamp() - 29})) == "anna"
    with pytest.raises(Forbidden, match="expired"):
        judge(signed(CLAIMS | {"exp": NOW.timestamp() - 31}))


@pytest.mark.parametrize("missing", ["sub", "exp", "installation"])
def test_each_claim_is_needed(missing):
    with pytest.raises(Forbidden):
        judge(signed({name: value for name, value in CLAIMS.items() if name != missing}))


@pytest.mark.parametrize(
    "claims",
    [
        {"installation": "phone-2"},
        {"installation": ["phone-1"]},
        {"nbf": NOW.timestamp() + 60},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"sub": "anna smith"},
    ],
)
def test_a_token_that_says_something_else_is_not_believed(claims):
    with pytest.raises(Forbidden):
        judge(signed(CLAIMS | claims))


def test_another_secret_did_not_sign_it():
    with pytest.raises(Forbidden):
        judge(signed(key="another secret that nobody shares with us"))


def test_an_unsigned_token_is_not_believed():
    with pytest.raises(Forbidden):
        judge(jwt.encode(CLAIMS, None, algorithm="none"))


def test_a_public_key_is_no_shared_secret():
    """The classic: sign with HS256, taking the public key, which everybody has, for the secret."""
    key = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    header, payload = (encode(part) for part in ({"alg": "HS256", "typ": "JWT"}, CLAIMS))
    digest = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = digest.sign(f"{header}.{payload}".encode(), key.encode())
    forged = f"{header}.{payload}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    with pytest.raises(Forbidden):
        judge(forged, IdentityKey(alg="RS256", key=key))


def encode(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_while_one_key_replaces_another_both_are_believed():
    private = ec.generate_private_key(ec.SECP256R1())
    keys = (IdentityKey(alg="ES256", key=pem(private)), SHARED)
    assert judge(signed(key=private, alg="ES256"), *keys) == "anna"
    assert judge(signed(), *keys) == "anna"


def test_without_keys_nobody_is_believed():
    with pytest.raises(Forbidden, match="BEACON_IDENTITY_KEYS"):
        subject(signed(), (), installation_id="phone-1", now=NOW)


@pytest.mark.parametrize("garbage", ["", "x", "a.b.c", "é.é.é", "." * 100])
def test_what_is_no_token_at_all_is_not_believed(garbage):
    with pytest.raises(Forbidden):
        judge(garbage)


def test_a_short_shared_secret_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        IdentityKey(alg="HS256", key="short")
