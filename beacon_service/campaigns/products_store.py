"""Products and what is in stock of them, in the database."""

from collections.abc import Mapping
from typing import Any

from beacon_service.campaigns.products_orm import ProductRow, StockRow
from beacon_service.configuration.model import Body
from beacon_service.configuration.shelf import Shelf


def _product(body: Body) -> Mapping[str, Any]:
    return {"name": body["name"]}


def _stock(body: Body) -> Mapping[str, Any]:
    return {"quantity": body["quantity"], "at": body["at"]}


PRODUCTS = Shelf("product", ProductRow, (ProductRow.id,), ProductRow.version, _product)
STOCK = Shelf("stock", StockRow, (StockRow.site_id, StockRow.product_id), StockRow.version, _stock)
