"""Rows of the configuration's version and log."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from beacon_service.db import Base


class CatalogueRow(Base):
    """The one row that every edit raises and every decision reads."""

    __tablename__ = "catalogue"

    only_row: Mapped[bool] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


class CatalogueLogRow(Base):
    __tablename__ = "catalogue_log"

    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    # A deletion is SQL's NULL, not JSON's.
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    actor: Mapped[str]
