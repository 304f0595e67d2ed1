from types import SimpleNamespace

import pytest

from beacon_service.auth import create_key
from beacon_service.auth.store import list_keys
from beacon_service.db import db


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
