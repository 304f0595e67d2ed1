"""Offers by push, as a test makes them and looks at what became of them."""

LINK = "https://shop.example/coffee"
FCM, APNS = {"provider": "fcm", "token": "fcm-token-1"}, {"provider": "apns", "token": "00fc13adff785122"}


def offered(shop, push, phone="phone"):
    """A phone with that address enters the café and is offered coffee by push."""
    assert shop.register(phone, push=push).status_code == 201
    assert shop.ping(phone, "1")["decisions"] == []


def state(shop):
    return shop.rows("SELECT state, attempts, last_status, last_error FROM deliveries ORDER BY number")


def address(shop, phone="phone"):
    return shop.rows("SELECT push FROM installations WHERE id = %s", phone)[0][0]


def ids(shop):
    return shop.rows("SELECT message_id::text, decision_id::text FROM deliveries")[0]
