"""The row of the radio map that a site is located by: what SQL must know of it. The document is in the log."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from beacon_service.db import Base


class ActiveRadioMapRow(Base):
    __tablename__ = "active_radio_maps"

    # References sites and radio_maps in the database; here that would need the rows of places wherever this one is.
    site_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    version: Mapped[int] = mapped_column(BigInteger)
