"""Rows of pools of codes; the codes themselves are told in SQL alone, by `codes_store`."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from beacon_service.db import Base


class CodePoolRow(Base):
    __tablename__ = "code_pools"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
