from datetime import UTC, datetime, timedelta

import pytest

from beacon_service.auth import (
    Principal,
    bearer_hash,
    check_key,
    check_token,
    new_token,
    secret_hash,
    token_hash,
)
from beacon_service.auth.model import new_key
from beacon_service.errors import Forbidden, Problem, Unauthenticated

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(microseconds=1), NOW - timedelta(microseconds=1)


def test_keys_and_tokens_are_fresh_and_long_and_kept_as_their_hash():
    made = [new_key("secret"), new_key("secret"), new_key("publishable"), new_token()]
    plain = [one for one, _ in made]
    assert len(set(plain)) == 4
    assert [one[:3] for one in plain] == ["sk_", "sk_", "pk_", "it_"]
    assert all(len(one) == 46 for one in plain)
    assert all(kept == secret_hash(one) and len(kept) == 32 for one, kept in made)


def test_a_key_is_read_from_its_header():
    key, kept = new_key("secret")
    assert bearer_hash(f"Bearer {key}") == kept
    assert bearer_hash(f"bearer {key}") == kept


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer sk_short", "Bearer sk_" + "é" * 43]
)
def test_what_is_no_key_does_not_authenticate(header):
    with pytest.raises(Unauthenticated):
        bearer_hash(header)


def test_a_token_is_no_key_and_a_key_is_no_token():
    token, key = new_token()[0], new_key("publishable")[0]
    with pytest.raises(Unauthenticated):
        bearer_hash(f"Bearer {token}")
    assert token_hash(key) is None
    assert token_hash(token) == secret_hash(token)
    assert token_hash(None) is None


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "code"),
    [
        (None, None, None),
        (LATER, None, None),
        (NOW, None, "key_expired"),
        (EARLIER, None, "key_expired"),
        (None, NOW, "key_revoked"),
        (EARLIER, EARLIER, "key_revoked"),
    ],
)
def test_a_key_is_valid_until_it_expires_or_is_revoked(expires_at, revoked_at, code):
    row = ("key_1", "secret", ["read"], expires_at, revoked_at)
    if code is None:
        assert check_key(row, NOW) == Principal("key_1", "secret", frozenset({"read"}))
    else:
        with pytest.raises(Unauthenticated) as refused:
            check_key(row, NOW)
        assert refused.value.code == code


def test_a_key_that_is_not_there_is_not_valid():
    with pytest.raises(Unauthenticated):
        check_key(None, NOW)


@pytest.mark.parametrize(
    ("kind", "scopes", "code"),
    [
        ("secret", {"read"}, None),
        ("secret", {"configure", "customers", "ping", "outcomes"}, "scope_missing"),
        ("secret", set(), "scope_missing"),
        ("publishable", set(), "secret_key_required"),
        ("publishable", {"read"}, "secret_key_required"),
    ],
)
def test_only_a_secret_key_with_the_scope_may(kind, scopes, code):
    who = Principal("key_1", kind, frozenset(scopes))
    if code is None:
        who.require("read")
    else:
        with pytest.raises(Forbidden) as refused:
            who.require("read")
        assert refused.value.code == code


def test_a_token_opens_its_own_installation_and_no_other():
    sent, other = new_token()[1], new_token()[1]
    check_token(sent, sent)
    for kept, revoked_at, given, status in (
        (other, None, sent, 403),
        (sent, NOW, sent, 403),
        (None, None, sent, 403),
        (sent, None, None, 401),
    ):
        with pytest.raises(Problem) as refused:
            check_token(given, kept, revoked_at=revoked_at)
        assert refused.value.status == status
