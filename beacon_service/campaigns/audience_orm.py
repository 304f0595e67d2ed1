"""Rows of named audiences and of lists: what SQL must know of them. The documents are in the log."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from beacon_service.db import Base


class AudienceRow(Base):
    __tablename__ = "audiences"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)


class ListRow(Base):
    __tablename__ = "lists"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
