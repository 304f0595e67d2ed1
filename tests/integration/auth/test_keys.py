from datetime import timedelta

import psycopg
import pytest

from beacon_service.auth import SCOPES, revoke_key, rotate_key, secret_hash
from beacon_service.errors import Conflict, Invalid, NotFound
from beacon_service.settings import libpq_url


def asks(client, key):
    """The status and code that a request with this key for something that is not there ends in."""
    answer = client.get("/v1/customers/nobody", headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.json["code"]


OPEN = (404, "not_found")


def test_a_secret_key_has_all_scopes_unless_told_and_a_publishable_one_has_none(keys):
    keys.make()
    keys.make(scopes=["read", "configure", "read"])
    keys.make(kind="publishable")
    assert {(key.kind, key.scopes) for key in keys.list()} == {
        ("secret", SCOPES),
        ("secret", ("configure", "read")),
        ("publishable", ()),
    }


@pytest.mark.parametrize(("kind", "scopes"), [("secret", ["everything"]), ("publishable", ["read"])])
def test_a_key_cannot_have_scopes_that_there_are_not(keys, kind, scopes):
    with pytest.raises(Invalid):
        keys.make(kind=kind, scopes=scopes)


def test_only_the_hash_of_a_key_is_kept(keys, settings):
    key = keys.make()
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        (row,) = connection.execute("SELECT key_hash, api_keys::text FROM api_keys").fetchall()
    assert row[0] == secret_hash(key.plain)
    assert key.plain not in row[1]


def test_a_revoked_key_stops_at_once(client, keys):
    key = keys.make()
    assert asks(client, key.plain) == OPEN
    keys.change(revoke_key, key.id)
    assert asks(client, key.plain) == (401, "key_revoked")


def test_a_key_stays_revoked_since_the_first_time(keys, clock):
    key = keys.make()
    keys.change(revoke_key, key.id)
    first_at = clock.now()
    clock.advance(days=1)
    keys.change(revoke_key, key.id)
    assert keys.list()[0].revoked_at == first_at


def test_a_rotated_key_goes_on_for_the_overlap_beside_its_successor(client, keys, clock):
    old = keys.make(scopes=["customers"])
    new = keys.change(rotate_key, old.id, timedelta(hours=1))
    clock.advance(minutes=59)
    assert asks(client, old.plain) == OPEN
    assert asks(client, new) == OPEN
    clock.advance(minutes=1)
    assert asks(client, old.plain) == (401, "key_expired")
    assert asks(client, new) == OPEN
    assert [(key.kind, key.name, key.scopes) for key in keys.list()] == [
        ("secret", "shop", ("customers",))
    ] * 2


def test_a_second_rotation_does_not_prolong_the_first(keys, clock):
    key = keys.make()
    keys.change(rotate_key, key.id, timedelta(hours=1))
    keys.change(rotate_key, key.id, timedelta(days=1))
    ends = {one.id: one.expires_at for one in keys.list()}
    assert ends[key.id] == clock.now() + timedelta(hours=1)


def test_a_key_that_does_not_work_has_no_successor(keys, clock):
    revoked, expired = keys.make(), keys.make()
    keys.change(revoke_key, revoked.id)
    keys.change(rotate_key, expired.id, timedelta(0))
    for key in (revoked, expired):
        with pytest.raises(Conflict):
            keys.change(rotate_key, key.id, timedelta(hours=1))


def test_a_key_that_does_not_exist_is_neither_revoked_nor_rotated(keys):
    with pytest.raises(NotFound):
        keys.change(revoke_key, "key_none")
    with pytest.raises(NotFound):
        keys.change(rotate_key, "key_none", timedelta(hours=1))
