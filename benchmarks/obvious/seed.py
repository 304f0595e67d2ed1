"""Fills the obvious build's database with the benchmark's zones, campaigns and people."""

import os
from datetime import time

import psycopg
from sqlalchemy import func, insert, text

from beacon_service.settings import libpq_url
from benchmarks import workload
from benchmarks.obvious.app import create_app
from benchmarks.obvious.models import ApiKey, Campaign, Zone, db

API_KEY = "pk_bench" + "0" * 38

# The names and tokens are those of workload.person_name, customer_name, token_of and tier_of, made where they
# are stored: 50 000 rows in a second instead of half a minute. The answers are checked, so a slip would show.
CUSTOMERS = """
INSERT INTO customers (name, tier, marketing_consent)
SELECT 'person-' || lpad(n::text, 5, '0'), CASE WHEN n % :gold = 0 THEN 'gold' ELSE 'basic' END, true
FROM generate_series(0, :people - 1) n ORDER BY n
"""
INSTALLATIONS = """
INSERT INTO installations (name, token_hash, location_consent, customer_id)
SELECT 'phone-' || lpad(n::text, 5, '0'),
       encode(sha256(convert_to('it_bench' || lpad(n::text, 38, '0'), 'UTF8')), 'hex'), true, c.id
FROM generate_series(0, :people - 1) n JOIN customers c ON c.name = 'person-' || lpad(n::text, 5, '0')
ORDER BY n
"""


def seed(url: str) -> None:
    """Make the tables in a database that has PostGIS, and fill them."""
    os.environ.update(OBVIOUS_DATABASE_URL=url, OBVIOUS_THREADS="1")
    app = create_app()
    with app.app_context():
        db.create_all()
        _zones_and_campaigns()
        people = {"people": workload.CUSTOMERS, "gold": round(1 / workload.GOLD_SHARE)}
        db.session.execute(text(CUSTOMERS), people)
        db.session.execute(text(INSTALLATIONS), {"people": workload.CUSTOMERS})
        db.session.execute(insert(ApiKey).values(key_hash=func.encode(func.sha256(API_KEY.encode()), "hex")))
        db.session.commit()
        db.session.execute(text("ANALYZE"))
        db.session.commit()
        db.engine.dispose()


def make_all_gold(url: str) -> None:
    """For the worst case, before anybody has walked."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("UPDATE customers SET tier = 'gold'")
        connection.execute("VACUUM ANALYZE")


def _zones_and_campaigns() -> None:
    zones = [
        {"id": zone + 1, "name": workload.zone_name(zone), "area": _polygon(zone)}
        for zone in range(workload.ZONES)
    ]
    db.session.execute(insert(Zone), zones)
    db.session.execute(insert(Campaign), [_campaign_row(plan) for plan in workload.campaigns()])


def _polygon(zone: int) -> str:
    corners = ", ".join(f"{longitude} {latitude}" for longitude, latitude in workload.zone_ring(zone))
    return f"SRID=4326;POLYGON(({corners}))"


def _campaign_row(plan: workload.CampaignPlan) -> dict[str, object]:
    return {
        "name": plan.name,
        "zone_id": plan.zone + 1,
        "priority": plan.priority,
        "tier": "gold",
        "active": True,
        "from_time": time.min if plan.all_day else None,
        "until_time": time.max if plan.all_day else None,
        "cap_per_customer": plan.cap_per_customer,
        "cap_days": plan.rolling_days,
        "title": "For you, here and now",
        "body": "Show this at the till.",
    }
