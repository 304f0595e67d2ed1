"""A brand's own server: a client with a secret key, and the bodies that it sends."""

from beacon_service import auth
from beacon_service.db import db
from tests.factories.catalogue import square


class Brand:
    def __init__(self, app, clock):
        self.app, self.client = app, app.test_client()
        with app.app_context():
            key = auth.create_key(db.session, kind="secret", name="brand", at=clock.now())
            db.session.commit()
        self.headers = {"Authorization": f"Bearer {key}"}

    def get(self, path, **headers):
        return self.client.get(f"/v1{path}", headers=self.headers | headers)

    def put(self, path, body, **headers):
        return self.client.put(f"/v1{path}", json=body, headers=self.headers | headers)

    def post(self, path, body):
        return self.client.post(f"/v1{path}", json=body, headers=self.headers)

    def delete(self, path, **headers):
        return self.client.delete(f"/v1{path}", headers=self.headers | headers)

    def open_shop(self):
        """A site with one floor and one zone."""
        assert self.put("/sites/shop", site_body()).status_code == 201
        assert self.put("/sites/shop/floors/ground", floor_body()).status_code == 201
        assert self.put("/sites/shop/zones/cafe", zone_body(floor="ground")).status_code == 201


def faults(answer):
    """{where: what} of a problem."""
    assert answer.status_code == 422, answer.json
    assert all(fault["do"] for fault in answer.json["errors"])
    return {fault["where"]: fault["what"] for fault in answer.json["errors"]}


def site_body(**fields):
    return {"name": "Shop", "time_zone": "Europe/Amsterdam"} | fields


def floor_body(**fields):
    return {"name": "Ground floor", "level": 0} | fields


def zone_body(*, geometry=None, **fields):
    return {"name": "Café", "geometry": geometry or square()} | fields


def beacon_body(**fields):
    identity = {"type": "ibeacon", "uuid": "7D0C1A52-4E0B-4C8E-9A57-5B1F3C0E6A21", "major": 1, "minor": 2}
    plain = {"site": "shop", "longitude": 4.90005, "latitude": 52.37005, "identities": [identity]}
    return plain | fields


def feature(id_, geometry=None, **properties):
    return {"type": "Feature", "id": id_, "geometry": geometry or square(), "properties": properties}


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


def campaign_body(**fields):
    plain = {
        "name": "Coffee",
        "status": "published",
        "trigger": {"move": "entered", "zones": [{"site": "shop", "zone": "cafe"}]},
        "offers": [{"id": "coffee", "title": "Coffee", "body": "A cup is on us."}],
    }
    return plain | fields
