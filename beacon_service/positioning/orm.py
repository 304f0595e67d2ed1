"""The row of the radio map that a site is located by: what SQL must know of it. The document is in the log."""

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from beacon_service.db import Base


class ActiveRadioMapRow(Base):
    __tablename__ = "active_radio_maps"

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    number: Mapped[int]
    version: Mapped[int] = mapped_column(BigInteger)
