"""Campaigns and the contact policy in the database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from beacon_service.campaigns.orm import CampaignRow, PolicyRow
from beacon_service.configuration.model import POLICY_KEY, Body, Stored
from beacon_service.configuration.shelf import Shelf


def _campaign(body: Body) -> Mapping[str, Any]:
    return {"status": body["status"], "revision": body["revision"], "body": dict(body)}


CAMPAIGNS = Shelf("campaign", CampaignRow, (CampaignRow.id,), CampaignRow.version, _campaign)


def find_policy(session: Session) -> Stored | None:
    row = session.execute(select(PolicyRow.version, PolicyRow.body)).one_or_none()
    return None if row is None else Stored(POLICY_KEY, row.version, row.body)


def save_policy(session: Session, body: Body, version: int) -> None:
    row = {"only_row": True, "body": dict(body), "version": version}
    upsert = insert(PolicyRow).values(row)
    session.execute(
        upsert.on_conflict_do_update(
            index_elements=["only_row"], set_={"body": upsert.excluded.body, "version": version}
        )
    )
