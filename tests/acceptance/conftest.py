"""A whole service of its own - cluster, web processes, workers, all as an operator starts them - and its world."""

import httpx2
import pytest

from tests.torture import world
from tests.torture.processes import service


class Place:
    """A configured service, and what a test needs to talk to it."""

    def __init__(self, made, keys, http):
        self.service, self.keys, self.http = made, keys, http

    def campaign(self, name, body):
        world.put(self.http, self.keys, f"/v1/campaigns/{name}", body)

    def phone(self, name, *, customer):
        """Registers an installation as that customer's; its headers."""
        public = {"Authorization": f"Bearer {self.keys.publishable}"}
        body = {"platform": "ios", "consents": {"location": True, "marketing": True}}
        token = self._post("PUT", f"/v1/installations/{name}", public, body)["installation_token"]
        secret = {"Authorization": f"Bearer {self.keys.secret}"}
        self._post("POST", f"/v1/installations/{name}/identify", secret, {"customer_id": customer})
        return {**public, "Beacon-Installation-Token": token}

    def rows(self, query, *params):
        with self.service.connect() as connection:
            return connection.execute(query, params).fetchall()

    def _post(self, method, path, headers, body):
        response = self.http.request(method, path, headers=headers, json=body)
        assert response.is_success, response.text
        return response.json()


@pytest.fixture(scope="module")
def place():
    """Two web processes, two workers, twenty zones and no campaign; durable, since some tests kill it."""
    with service() as made, made.connect() as connection:
        keys = world.make_keys(connection)
        with httpx2.Client(base_url=made.address, timeout=30) as http:
            world.make_site(http, keys)
            yield Place(made, keys, http)
