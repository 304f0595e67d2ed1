"""Rows of products and of what is in stock."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from beacon_service.db import Base


class ProductRow(Base):
    __tablename__ = "products"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)


class StockRow(Base):
    __tablename__ = "stock"

    site_id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)
