"""What a phone tells us must not be found in what we write down for operators."""

PHONE = {"platform": "ios", "consents": {"location": True, "marketing": True}}


def test_nothing_in_the_logs_says_who_was_where(capfd, client, keys, clock, pings_have_a_place):
    app_key, server_key = keys.make(kind="publishable"), keys.make()
    registered = client.put("/v1/installations/phone-4711", json=PHONE, headers=app_key.header).json
    token, customer = registered["installation_token"], registered["customer_id"]
    ours = {**app_key.header, "Beacon-Installation-Token": token}
    ping = {
        "ping_id": "ping-0815",
        "at": clock.now().isoformat(),
        "position": {"latitude": 52.516312, "longitude": 13.377709, "accuracy_m": 5},
        "sightings": [{"type": "mac", "mac": "aa:bb:cc:dd:ee:ff", "rssi": -60}],
    }
    body = {"installation_id": "phone-4711", "sent_at": clock.now().isoformat(), "pings": [ping]}

    sent = client.post("/v1/pings", json=body, headers=ours)
    assert [one["status"] for one in sent.json["results"]] == ["accepted"]
    client.post("/v1/pings", json={**body, "installation_id": "phone-4712"}, headers=ours)
    client.post("/v1/pings", data=b'{"latitude": 52.516312', headers=ours, content_type="application/json")
    client.get(f"/v1/customers/{customer}?near=52.516312", headers=server_key.header)
    client.get("/v1/customers/customer-999/at/13.377709", headers=server_key.header)

    logged = "".join(capfd.readouterr())
    assert logged.count('"event":"request"') == 6
    secrets = (
        *(app_key.plain, server_key.plain, app_key.id, server_key.id, token, customer),
        *("phone-471", "ping-0815", "customer-999", "52.51", "13.37", "aa:bb:cc", "127.0.0.1"),
    )
    assert [secret for secret in secrets if secret in logged] == []
