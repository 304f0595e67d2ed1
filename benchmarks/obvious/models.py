"""Tables of the obvious build: what a competent developer would model first, with the indexes it needs."""

from datetime import datetime, time
from typing import TYPE_CHECKING, Annotated

from flask_sqlalchemy import SQLAlchemy
from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import DateTime, ForeignKey, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)

Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model  # made at run time, which a type checker cannot follow


class Zone(Model):
    __tablename__ = "zones"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    area: Mapped[WKBElement] = mapped_column(Geometry("POLYGON", srid=4326))  # with a GiST index


class Campaign(Model):
    __tablename__ = "campaigns"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    zone_id: Mapped[int] = mapped_column(ForeignKey(Zone.id), index=True)
    priority: Mapped[int]
    tier: Mapped[str]
    active: Mapped[bool]
    from_time: Mapped[time | None]
    until_time: Mapped[time | None]
    cap_per_customer: Mapped[int | None]
    cap_days: Mapped[int | None]
    title: Mapped[str]
    body: Mapped[str]


class ApiKey(Model):
    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(unique=True)


class Customer(Model):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    tier: Mapped[str]
    marketing_consent: Mapped[bool]


class Installation(Model):
    __tablename__ = "installations"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[str]
    location_consent: Mapped[bool]
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id), index=True)
    last_zone_id: Mapped[int | None] = mapped_column(ForeignKey(Zone.id))
    customer: Mapped[Customer] = relationship(lazy="joined", innerjoin=True)


class Ping(Model):
    __tablename__ = "pings"
    id: Mapped[int] = mapped_column(primary_key=True)
    installation_id: Mapped[int] = mapped_column(ForeignKey(Installation.id))
    at: Mapped[Instant]
    received_at: Mapped[Instant]
    # Nothing looks pings up by place, so they go without the index that would slow each insert.
    location: Mapped[WKBElement] = mapped_column(Geometry("POINT", srid=4326, spatial_index=False))
    zone_id: Mapped[int | None] = mapped_column(ForeignKey(Zone.id))

    __table_args__ = (Index("ix_pings_installation_at", "installation_id", "at"),)


class Decision(Model):
    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    campaign_id: Mapped[int] = mapped_column(ForeignKey(Campaign.id))
    ping_id: Mapped[int] = mapped_column(ForeignKey(Ping.id))
    decided_at: Mapped[Instant]

    __table_args__ = (
        Index("ix_decisions_customer_campaign", "customer_id", "campaign_id", "decided_at"),
        Index("ix_decisions_customer", "customer_id", "decided_at"),
    )
