"""A running shop: configuration, keys and phones of a test, and pings sent over HTTP as they would send them."""

from datetime import timedelta

import psycopg

from beacon_service import auth, partitions
from beacon_service.campaigns import codes_store
from beacon_service.configuration.model import Entry
from beacon_service.configuration.store import record
from beacon_service.db import db
from tests.factories.catalogue import documents, place


class Shop:
    """What a test says of the world; `ping` answers what the service said."""

    def __init__(self, app, clock):
        self.app, self.clock, self.client = app, clock, app.test_client()
        self.tokens = {}
        with app.app_context():
            self.publishable = auth.create_key(db.session, kind="publishable", name="app", at=clock.now())
            self.secret = auth.create_key(db.session, kind="secret", name="gateway", at=clock.now())
            db.session.commit()
        with self.connect() as connection:
            partitions.ensure(connection, clock.now().date())

    def connect(self):
        url = self.app.extensions["beacon"].database_url.replace("+psycopg", "")
        return psycopg.connect(url)

    def rows(self, query, *params):
        with self.connect() as connection:
            return connection.execute(query, params).fetchall()

    def configure(self, **kinds):
        """As an edit through the API would, but for its checks."""
        entries = [Entry(kind, key, body) for (kind, key), body in documents(**kinds).bodies.items()]
        with self.app.app_context():
            record(db.session, entries, actor="test", at=self.clock.now())
            db.session.commit()

    def phone(
        self, name="phone", *, customer=None, location=True, marketing=True, attributes=None, time_zone=None,
        locale=None,
    ):  # fmt: skip
        """Registers an installation; phones of one customer name the same one."""
        token, token_hash = auth.new_token()
        customer = customer or f"of-{name}"
        now = self.clock.now()
        with self.connect() as connection:
            connection.execute(
                "INSERT INTO customers (id, anonymous, attributes, marketing, created_at)"
                " VALUES (%s, false, %s, %s, %s) ON CONFLICT DO NOTHING",
                [customer, psycopg.types.json.Jsonb(attributes or {}), marketing, now],
            )
            connection.execute(
                "INSERT INTO installations"
                " (id, customer_key, token_hash, location, platform, created_at, time_zone, locale)"
                " SELECT %s, key, %s, %s, 'ios', %s, %s, %s FROM customers WHERE id = %s",
                [name, token_hash, location, now, time_zone, locale, customer],
            )
            connection.execute(
                "UPDATE customers SET location = location OR %s WHERE id = %s", [location, customer]
            )
        self.tokens[name] = token
        return name

    def about(self, customer, *, lists=(), did=()):
        """The lists that the customer is on, and (event, at) of what they did elsewhere."""
        if lists:
            with self.connect() as connection:
                connection.execute("UPDATE customers SET lists = %s WHERE id = %s", [sorted(lists), customer])
        if did:
            body = {"events": [{"type": kind, "at": at.isoformat()} for kind, at in did]}
            headers = {"Authorization": f"Bearer {self.secret}"}
            answer = self.client.post(f"/v1/customers/{customer}/events", json=body, headers=headers)
            assert {one["status"] for one in answer.json["results"]} == {"accepted"}, answer.text

    def pool(self, name, *codes):
        """Codes as an import leaves them."""
        with self.connect() as connection:
            codes_store.open_pool(connection, name)
            assert codes_store.add(connection, name, codes) == {}

    def ping_body(self, ping_id, *, at=None, column=0.5, row=0.5, accuracy_m=2.0, **fields):
        longitude, latitude = place(column, row)
        position = {"latitude": latitude, "longitude": longitude, "accuracy_m": accuracy_m}
        at = at or self.clock.now()
        return {"ping_id": ping_id, "at": at.isoformat(), "position": position} | fields

    def post(self, phone, *pings, sent_at=None, token=None, key=None):
        body = {"installation_id": phone, "pings": list(pings)}
        if sent_at is not None:
            body["sent_at"] = sent_at.isoformat()
        headers = {
            "Authorization": f"Bearer {key or self.publishable}",
            "Beacon-Installation-Token": token or self.tokens[phone],
        }
        return self.client.post("/v1/pings", json=body, headers=headers)

    def post_many(self, batches, **fields):
        body = {"batches": [{"installation_id": name, "pings": pings} for name, pings in batches.items()]}
        headers = {"Authorization": f"Bearer {self.secret}"}
        return self.client.post("/v1/pings", json=body | fields, headers=headers)

    def ping(self, phone, ping_id, **where):
        """One accepted ping: the whole answer."""
        response = self.post(phone, self.ping_body(ping_id, **where))
        assert response.status_code == 200, response.text
        assert response.json["results"][0]["status"] == "accepted", response.text
        return response.json

    def walk_out(self, phone, ping_id, *, hold_s=60):
        """Next door, and long enough for every exit to be certain; answers the second ping."""
        self.ping(phone, f"{ping_id}-leaving", column=5)
        self.clock.now_at += timedelta(seconds=hold_s)
        return self.ping(phone, f"{ping_id}-gone", column=5)
