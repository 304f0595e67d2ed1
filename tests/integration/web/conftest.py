from types import SimpleNamespace

import psycopg
import pytest

from beacon_service import partitions
from beacon_service.auth import create_key
from beacon_service.auth.store import list_keys
from beacon_service.db import db
from beacon_service.settings import libpq_url


@pytest.fixture
def pings_have_a_place(settings, clock):
    """Partitions for the days around the clock's, as a worker makes them."""
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        partitions.ensure(connection, clock.now().date())


@pytest.fixture
def keys(app, clock):
    """Makes and changes keys as the command line does, each change committed."""

    def make(kind="secret", scopes=None, name="shop"):
        with app.app_context():
            known = {key.id for key in list_keys(db.session())}
            plain = create_key(db.session(), kind=kind, name=name, scopes=scopes, at=clock.now())
            db.session.commit()
            (fresh,) = {key.id for key in list_keys(db.session())} - known
        return SimpleNamespace(id=fresh, plain=plain, header={"Authorization": f"Bearer {plain}"})

    def change(operation, *args, **named):
        with app.app_context():
            result = operation(db.session(), *args, at=clock.now(), **named)
            db.session.commit()
        return result

    def all_of_them():
        with app.app_context():
            return list_keys(db.session())

    return SimpleNamespace(make=make, change=change, list=all_of_them)
