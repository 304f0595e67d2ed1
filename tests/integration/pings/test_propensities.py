"""What becomes of offers is counted and published, and decisions are drawn from it."""

from datetime import timedelta

from beacon_service.db import db, transaction
from beacon_service.delivery.release import release_due
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.propensities import LOOK_BACK, publish
from tests.factories.catalogue import campaign_document, offer_document, zone_document

LEARNS = campaign_document(
    "coffee",
    learn={"goal": "clicked", "by": "tier"},
    offers=[offer_document("cup", expires_after_s=60)],
)


def published(shop):
    with shop.app.app_context():
        programme = shop.app.extensions[CATALOGUE].newest(db.engine).programme
        return publish(db.engine, programme, shop.clock.now())


def learned(shop):
    with shop.app.app_context():
        return shop.app.extensions[CATALOGUE].newest(db.engine).programme.learned


def click(shop, decision_id):
    body = {"decision_id": decision_id, "type": "clicked", "at": shop.clock.now().isoformat()}
    headers = {"Authorization": f"Bearer {shop.secret}"}
    assert shop.client.post("/v1/outcomes", json=body, headers=headers).status_code == 201


def test_clicks_and_expiries_are_counted_by_slice_and_published_once(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[LEARNS])
    for name, tier in (("anna", "gold"), ("ben", "gold"), ("carla", None)):
        shop.phone(name, attributes={"tier": tier} if tier else {})
    (annas,) = shop.ping("anna", "1")["decisions"]
    shop.ping("ben", "1")
    shop.ping("carla", "1")
    assert published(shop) == []  # none was clicked, and none is over
    click(shop, annas["decision_id"])
    assert published(shop) == ["coffee"]
    assert learned(shop)["coffee"] == {"cup": {"gold": (1, 1)}}
    shop.clock.now_at += timedelta(seconds=61)
    with shop.app.app_context(), transaction(db.engine) as connection:
        release_due(connection, shop.clock.now())
    assert published(shop) == ["coffee"]
    assert learned(shop)["coffee"] == {"cup": {"gold": (2, 1), "*": (1, 0)}}
    assert published(shop) == []
    shop.clock.now_at += LOOK_BACK
    assert published(shop) == ["coffee"]
    assert learned(shop)["coffee"] == {}


def test_a_decision_tells_its_scores(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[LEARNS])
    shop.phone("anna")
    (told,) = shop.ping("anna", "1")["decisions"]
    headers = {"Authorization": f"Bearer {shop.secret}"}
    explained = shop.client.get(f"/v1/decisions/{told['decision_id']}", headers=headers).json
    assert 0 < explained["scores"]["coffee"] < 1
