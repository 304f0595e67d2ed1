"""The winner's offer, written for one customer at one moment. Pure: live, in a tick and in a replay the same."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from beacon_service.campaigns.bounded_liquid import CODE_MARK
from beacon_service.campaigns.content import Texts
from beacon_service.campaigns.languages import wanted
from beacon_service.campaigns.model import Offer, Product, StockLevel
from beacon_service.campaigns.moment import Moment

# English, as the keys of hours are, whatever the language: a template compares with them.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class About(Struct, frozen=True):
    """Names that only texts have a use for."""

    customer_id: str
    locale: str | None  # of the app on the phone
    site_name: str
    zone_name: str
    zone_tags: tuple[str, ...]


NOBODY = About("", None, "", "", ())


class Scene(Struct, frozen=True):
    """Who is told, where and when."""

    moment: Moment
    attributes: Mapping[str, Any]
    now: datetime
    time_zone: ZoneInfo  # the site's
    about: About = NOBODY
    products: Mapping[str, Product] = {}
    stock: Mapping[str, StockLevel] = {}  # by "site/product"


def write(offer: Offer, scene: Scene) -> Offer:
    """The offer as it is shown; a code that is still to be taken leaves its mark."""
    if offer.content is None:
        return offer
    texts = offer.content.write(
        values(offer, scene), wanted(scene.attributes.get("language"), scene.about.locale)
    )
    return _saying(offer, texts if offer.takes_code else texts.with_code(offer.code))


def with_code(offer: Offer, code: str) -> Offer:
    """The same offer once its code is known."""
    texts = Texts(offer.title, offer.body, offer.link, offer.image_url).with_code(code)
    return replace(_saying(offer, texts), code=code)


def values(offer: Offer, scene: Scene) -> dict[str, Any]:
    """What a template may name: `template_reader.DEFINED` and the customer's attributes."""
    moment, local = scene.moment, scene.now.astimezone(scene.time_zone)
    expires_at = (scene.now + offer.expires_after).astimezone(scene.time_zone)
    place = {
        "site": {"id": moment.site, "name": scene.about.site_name},
        "zone": {"id": moment.zone, "name": scene.about.zone_name, "tags": list(scene.about.zone_tags)},
    }
    return {
        **(place if moment.zone else {}),
        "customer": {"id": scene.about.customer_id, "attributes": scene.attributes},
        "moment": {
            "move": moment.move,
            "dwell_s": moment.dwell_s or 0,
            "visit": moment.visit,
            "at": moment.at.astimezone(scene.time_zone).isoformat(timespec="seconds"),
            "date": local.date().isoformat(),
            "time": f"{local:%H:%M}",
            "hour": local.hour,
            "weekday": WEEKDAYS[local.weekday()],
        },
        "offer": {"id": offer.id, "expires_at": expires_at.isoformat(timespec="seconds"), "code": CODE_MARK},
        **_of_products(offer, scene),
    }


def _of_products(offer: Offer, scene: Scene) -> dict[str, Any]:
    """What the offer is about, as products and stock were in this version; `product` is the first of them."""
    known = [scene.products.get(name) for name in offer.products]
    told = [_of_product(one, scene) for one in known if one is not None]
    first = {"product": told[0]} if told and known[0] is not None else {}
    return {**first, "products": told} if told else {}


def _of_product(product: Product, scene: Scene) -> dict[str, Any]:
    level = scene.stock.get(f"{scene.moment.site}/{product.id}")
    return {
        "id": product.id,
        "name": product.name,
        "tags": list(product.tags),
        "stock": level and level.quantity,
        "price": product.price,
        "currency": product.currency,
    }


def _saying(offer: Offer, texts: Texts) -> Offer:
    return replace(
        offer,
        title=texts.title,
        body=texts.body,
        link=texts.link,
        image_url=texts.image_url,
        content=None,
    )
