"""Editing products and stock. Every edit holds the configuration's lock; the caller commits."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from beacon_service.campaigns.products_schema import MOST_NAMED, QuantityIn, StockLineIn
from beacon_service.campaigns.products_store import PRODUCTS, STOCK
from beacon_service.configuration import service as configuration
from beacon_service.configuration import shelf as shelves
from beacon_service.configuration.model import Body, Edit, Saved, Stored
from beacon_service.configuration.schema import Flaw, refuse_document
from beacon_service.configuration.shelf import documents_holding
from beacon_service.configuration.store import Session, lock
from beacon_service.errors import Conflict
from beacon_service.zones import store as zones


def put_product(session: Session, product: str, body: Body, edit: Edit) -> Saved:
    lock(session)
    return configuration.put(session, PRODUCTS, product, body, edit)


def delete_product(session: Session, product: str, edit: Edit) -> None:
    """Conflict where a published campaign is about it; what stood in stock stays in the log."""
    lock(session)
    for campaign, body in documents_holding(
        session, "campaign", {"offers": [{"products": [product]}]}
    ).items():
        if body["status"] == "published":
            raise Conflict(
                f"The published campaign {campaign} is about the product {product}; pause it first."
            )
    configuration.delete(session, PRODUCTS, product, edit)


def put_quantity(session: Session, site: str, product: str, line: QuantityIn, edit: Edit) -> Saved:
    """NotFound without such a site or product."""
    lock(session)
    configuration.require(session, zones.SITES, site)
    configuration.require(session, PRODUCTS, product)
    key = f"{site}/{product}"
    known = shelves.find(session, STOCK, [key])
    return configuration.put(
        session, STOCK, key, _newest(known, key, _body(site, product, line, edit.at)), edit
    )


def import_stock(session: Session, site: str, lines: list[StockLineIn], edit: Edit) -> Mapping[str, Saved]:
    """All of them or none: Invalid names the lines whose product there is not."""
    lock(session)
    configuration.require(session, zones.SITES, site)
    known = shelves.find(session, PRODUCTS, {line.product for line in lines})
    refuse_document(list(_unknown(lines, known))[:MOST_NAMED])
    bodies = {f"{site}/{line.product}": _body(site, line.product, line, edit.at) for line in lines}
    counted = shelves.find(session, STOCK, bodies)
    newest = {key: _newest(counted, key, body) for key, body in bodies.items()}
    return configuration.put_all(session, STOCK, newest, edit)


def _unknown(lines: list[StockLineIn], known: Mapping[str, object]) -> Iterator[Flaw]:
    for number, line in enumerate(lines):
        if line.product not in known:
            what = f"names {line.product}, which there is not"
            yield Flaw(("stock", number, "product"), what, f"PUT /v1/products/{line.product} first.")


def _newest(known: Mapping[str, Stored], key: str, body: Body) -> Body:
    """A count that comes later than a newer one changes nothing: tills and stock keepers send in any order."""
    before = known.get(key)
    if before is None or datetime.fromisoformat(before.body["at"]) <= datetime.fromisoformat(body["at"]):
        return body
    return before.body


def _body(site: str, product: str, line: QuantityIn | StockLineIn, now: datetime) -> Body:
    at = line.at or now
    return {"site": site, "product": product, "quantity": line.quantity, "at": at.isoformat()}
