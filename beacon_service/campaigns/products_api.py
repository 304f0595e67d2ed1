"""Routes: products, and what each site has of them."""

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from beacon_service.auth import requires
from beacon_service.campaigns import products_service as service
from beacon_service.campaigns.products_schema import (
    ImportedOut,
    ProductIn,
    ProductOut,
    ProductPage,
    QuantityIn,
    StockImportIn,
    StockOut,
    StockPage,
)
from beacon_service.campaigns.products_store import PRODUCTS, STOCK
from beacon_service.configuration import shelf as shelves
from beacon_service.configuration.edge import deleted, edit, imported, saved, shown, shown_page
from beacon_service.configuration.schema import check_address, check_ids
from beacon_service.configuration.service import require
from beacon_service.db import db
from beacon_service.web import PageQuery, import_body, page, takes_csv
from beacon_service.zones import store as zones

blueprint = APIBlueprint("products", __name__, url_prefix="/v1", tag="Products")


@blueprint.get("/products")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(ProductPage)
@blueprint.doc(summary="List products by id")
@requires("configure")
def list_products(query: PageQuery) -> ResponseReturnValue:
    return shown_page(PRODUCTS, query)


@blueprint.get("/products/<product_id>")
@blueprint.output(ProductOut)
@blueprint.doc(summary="Read a product")
@requires("configure")
def get_product(product_id: str) -> ResponseReturnValue:
    check_ids(product_id=product_id)
    return shown(PRODUCTS, product_id)


@blueprint.put("/products/<product_id>")
@blueprint.input(ProductIn, arg_name="body")
@blueprint.output(ProductOut)
@blueprint.doc(summary="Create or replace a product", responses={201: "Created"})
@requires("configure")
def put_product(product_id: str, body: ProductIn) -> ResponseReturnValue:
    check_ids(product_id=product_id)
    check_address({"id": body.id}, id=product_id)
    return saved(service.put_product(db.session(), product_id, body.document(product_id), edit()))


@blueprint.delete("/products/<product_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a product that no published campaign is about")
@requires("configure")
def delete_product(product_id: str) -> ResponseReturnValue:
    check_ids(product_id=product_id)
    service.delete_product(db.session(), product_id, edit())
    return deleted()


@blueprint.get("/sites/<site_id>/stock")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(StockPage)
@blueprint.doc(summary="List what a site has, by product")
@requires("configure")
def list_stock(site_id: str, query: PageQuery) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    require(db.session(), zones.SITES, site_id)
    found = shelves.page(db.session(), STOCK, within=site_id, after=query.after(), limit=query.limit + 1)
    answer = page(found, query.limit, key=lambda stored: str(stored.body["product"]))
    return {**answer, "items": [dict(stored.body) for stored in answer["items"]]}


@blueprint.put("/sites/<site_id>/stock/<product_id>")
@blueprint.input(QuantityIn, arg_name="body")
@blueprint.output(StockOut)
@blueprint.doc(summary="Say how much a site has of a product", responses={201: "Created"})
@requires("configure")
def put_quantity(site_id: str, product_id: str, body: QuantityIn) -> ResponseReturnValue:
    check_ids(site_id=site_id, product_id=product_id)
    return saved(service.put_quantity(db.session(), site_id, product_id, body, edit()))


@blueprint.post("/sites/<site_id>/stock/imports")
@import_body
@takes_csv("stock", columns=("product", "quantity", "at"))
@blueprint.input(StockImportIn, arg_name="body")
@blueprint.output(ImportedOut)
@blueprint.doc(
    summary="Say how much a site has of many products, all or none",
    description="As JSON, or as text/csv with the columns product, quantity and, if wanted, at.",
)
@requires("configure")
def import_stock(site_id: str, body: StockImportIn) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    return imported(service.import_stock(db.session(), site_id, body.stock, edit()))
