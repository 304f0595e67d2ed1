"""Customers, their phones and the brand's backend, asking over HTTP with their keys."""

from tests.factories.shop import Shop


class People(Shop):
    """Answers responses, so that a test can look at what was refused as well."""

    def ask(self, method, path, body=None, *, key=None, token=None, headers=None):
        """With the secret key unless a token or another key is given."""
        sent = {"Authorization": f"Bearer {key or (self.publishable if token else self.secret)}"}
        sent |= {"Beacon-Installation-Token": token} if token else {}
        return self.client.open(path, method=method, json=body, headers=sent | (headers or {}))

    def register(self, name, *, location=True, marketing=True, token=None, key=None, query="", **fields):
        """PUT of an installation by the app; keeps the token that is answered."""
        consents = {"location": location, "marketing": marketing}
        consents = {kind: granted for kind, granted in consents.items() if granted is not None}
        body = {"platform": "ios", "consents": consents} | fields
        path = f"/v1/installations/{name}{query}"
        response = self.ask("PUT", path, body, token=token, key=key or self.publishable)
        if response.status_code < 300 and response.json["installation_token"]:
            self.tokens[name] = response.json["installation_token"]
        return response

    def identify(self, name, customer):
        return self.ask("POST", f"/v1/installations/{name}/identify", {"customer_id": customer})

    def customer(self, customer, **body):
        return self.ask("PUT", f"/v1/customers/{customer}", body)

    def outcome(self, decision, type_, *, phone=None, at=None):
        body = {"decision_id": decision, "type": type_, "at": (at or self.clock.now()).isoformat()}
        return self.ask("POST", "/v1/outcomes", body, token=self.tokens[phone] if phone else None)
