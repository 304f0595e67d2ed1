"""The obvious build: Flask and an ORM, one request one ping, PostGIS finds the zone, COUNT(*) keeps the caps.

It is what the benchmark measures against, so it is written to be good at being obvious: joined loading,
indexes where queries look, a pool of the right size, one transaction and one durable commit a ping.
"""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, abort, current_app, request
from geoalchemy2 import WKTElement
from sqlalchemy import Select, func, select

from benchmarks.obvious.models import ApiKey, Campaign, Customer, Decision, Installation, Ping, Zone, db
from benchmarks.workload import OFFERS_PER_CUSTOMER_AND_DAY

api = Blueprint("pings", __name__)


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["OBVIOUS_DATABASE_URL"]
    # A connection for each thread, kept open: nobody waits for one and nobody reconnects.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": int(os.environ["OBVIOUS_THREADS"]),
        "max_overflow": 0,
    }
    app.config["OFFERS_PER_DAY"] = int(os.environ.get("OBVIOUS_OFFERS_PER_DAY", OFFERS_PER_CUSTOMER_AND_DAY))
    db.init_app(app)
    app.register_blueprint(api)
    return app


@api.get("/healthz")
def healthz() -> dict[str, Any]:
    return {"status": "ok"}


@api.post("/pings")
def create_ping() -> dict[str, Any]:
    body = request.get_json()
    installation = _authenticate(body["installation_id"])
    point = WKTElement(f"POINT({float(body['longitude'])} {float(body['latitude'])})", srid=4326)
    zone = db.session.scalars(select(Zone).where(func.ST_Contains(Zone.area, point)).limit(1)).first()
    now = datetime.now(UTC)
    ping = Ping(
        installation_id=installation.id,
        at=datetime.fromisoformat(body["at"]),
        received_at=now,
        location=point,
        zone_id=zone.id if zone else None,
    )
    db.session.add(ping)
    db.session.flush()

    entered = zone is not None and zone.id != installation.last_zone_id
    campaign = _choose_campaign(installation.customer, zone, now) if zone and entered else None
    if campaign:
        decision = Decision(
            customer_id=installation.customer_id, campaign_id=campaign.id, ping_id=ping.id, decided_at=now
        )
        db.session.add(decision)
    if ping.zone_id != installation.last_zone_id:
        installation.last_zone_id = ping.zone_id
    answer = {
        "ping": {"id": ping.id, "status": "accepted"},
        "events": [{"type": "entered", "zone": zone.name}] if zone and entered else [],
        "offer": {"campaign": campaign.name, "title": campaign.title, "body": campaign.body}
        if campaign
        else None,
    }
    db.session.commit()
    return answer


def _authenticate(name: str) -> Installation:
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not db.session.scalar(select(ApiKey.id).where(ApiKey.key_hash == _hash(key))):
        abort(401)
    installation = db.session.scalar(select(Installation).where(Installation.name == name))
    token = request.headers.get("Beacon-Installation-Token", "")
    if installation is None or installation.token_hash != _hash(token):
        abort(403)
    if not installation.location_consent:
        abort(403)
    return installation


def _choose_campaign(customer: Customer, zone: Zone, now: datetime) -> Campaign | None:
    if not customer.marketing_consent or _had_enough_today(customer, now):
        return None
    campaigns = db.session.scalars(
        select(Campaign)
        .where(Campaign.zone_id == zone.id, Campaign.active, Campaign.tier == customer.tier)
        .order_by(Campaign.priority.desc())
    ).all()
    for campaign in campaigns:
        if _in_daypart(campaign, now) and not _capped(campaign, customer, now):
            return campaign
    return None


def _in_daypart(campaign: Campaign, now: datetime) -> bool:
    if campaign.from_time is None or campaign.until_time is None:
        return True
    return campaign.from_time <= now.time() <= campaign.until_time


def _had_enough_today(customer: Customer, now: datetime) -> bool:
    today = _decisions(customer).where(Decision.decided_at > now - timedelta(days=1))
    return int(db.session.execute(today).scalar_one()) >= current_app.config["OFFERS_PER_DAY"]


def _capped(campaign: Campaign, customer: Customer, now: datetime) -> bool:
    if campaign.cap_per_customer is None:
        return False
    counted = _decisions(customer).where(Decision.campaign_id == campaign.id)
    if campaign.cap_days is not None:
        counted = counted.where(Decision.decided_at > now - timedelta(days=campaign.cap_days))
    return db.session.execute(counted).scalar_one() >= campaign.cap_per_customer


def _decisions(customer: Customer) -> Select[int]:
    return select(func.count()).select_from(Decision).where(Decision.customer_id == customer.id)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
