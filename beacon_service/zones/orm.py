"""Rows of sites, floors, zones and beacons: what SQL must know of them. The documents are in the log."""

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from beacon_service.db import Base

WGS84 = 4326


class SiteRow(Base):
    __tablename__ = "sites"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)


class FloorRow(Base):
    __tablename__ = "floors"

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[int]
    outline: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=WGS84, spatial_index=False))
    version: Mapped[int] = mapped_column(BigInteger)


class ZoneRow(Base):
    __tablename__ = "zones"
    __table_args__ = (ForeignKeyConstraint(["site_id", "floor_id"], ["floors.site_id", "floors.id"]),)

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    floor_id: Mapped[str | None]
    name: Mapped[str]
    geometry: Mapped[Any] = mapped_column(Geometry("GEOMETRY", srid=WGS84, spatial_index=False))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    priority: Mapped[int]
    sensitive: Mapped[bool]
    dwell_s: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    enter_confirm: Mapped[int | None]
    exit_hold_s: Mapped[int | None]
    parent_id: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger)


class BeaconRow(Base):
    __tablename__ = "beacons"
    __table_args__ = (ForeignKeyConstraint(["site_id", "floor_id"], ["floors.site_id", "floors.id"]),)

    id: Mapped[str] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    floor_id: Mapped[str | None]
    place: Mapped[Any] = mapped_column(Geometry("POINT", srid=WGS84, spatial_index=False))
    identities: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tx_power_dbm: Mapped[int | None]
    status: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
