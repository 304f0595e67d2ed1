"""Bodies of offers: each mistake in a text is named by its place, and what may be impossible is not published bare."""

import pytest
from pydantic import ValidationError

from beacon_service.campaigns.building import campaign_of
from beacon_service.campaigns.offer_schema import OfferIn
from beacon_service.campaigns.schema import CampaignIn
from beacon_service.campaigns.unready import text_flaws
from beacon_service.configuration.schema import pointer
from tests.factories.brand import campaign_body

PLAIN = {"id": "coffee", "title": "Coffee", "body": "A cup is on us."}
FALLBACK = {"title": "Coffee", "body": "For you"}
DOUBTFUL = "Hello {{ customer.attributes.name }}"
CERTAIN = "Hello {{ customer.attributes.name | default: 'you' }}"


def faults(build):
    with pytest.raises(ValidationError) as refused:
        build()
    return {pointer(error["loc"]): error["msg"] for error in refused.value.errors()}


def flaws(**offer):
    return faults(lambda: OfferIn(**(PLAIN | offer)))


def published(*offers):
    return CampaignIn(**campaign_body(offers=[PLAIN | offer for offer in offers]))


def test_an_offer_without_templates_is_kept_as_it_was_before_there_were_any():
    assert OfferIn(**PLAIN).model_dump(mode="json") == PLAIN | {
        "image_url": None,
        "link": None,
        "code": None,
        "expires_after_s": 3600,
        "weight": 1.0,
        "cost": 0,
    }


def test_an_offer_that_says_all_there_is_is_read_by_the_core():
    german = {"title": "Kaffee", "body": DOUBTFUL, "fallback": FALLBACK | {"link": "https://shop.example/de"}}
    said = {
        "title": CERTAIN,
        "link": "https://shop.example/?c={{ offer.code }}",
        "fallback": FALLBACK,
        "languages": {"de-CH": german},
        "codes": {"generated": {"prefix": "S-", "length": 14}},
    }
    body = published(said).document("coffee")
    kept = body["offers"][0]
    assert {name: kept[name] for name in said} == said
    offer = campaign_of({**body, "revision": 1}).offers[0]
    assert (offer.recipe.prefix, offer.recipe.length, offer.pool) == ("S-", 14, None)
    assert set(offer.content.languages) == {"de-ch"}


@pytest.mark.parametrize(
    ("offer", "where", "what"),
    [
        ({"title": "{{ site.nmae }}"}, "/title", "names site.nmae, which there is not; site has: id, name"),
        ({"body": "A\nB {% include 'x' %}"}, "/body", "is no template: unexpected tag 'include' (line 2, column 6)"),
        ({"link": "http://shop.example/"}, "/link", "is not an https link"),
        ({"image_url": "https://[x"}, "/image_url", "is not an https link"),
        (
            {"link": "https://{{ site.id }}/"},
            "/link",
            "does not begin with https:// and a host that is written out, up to its slash",
        ),
        ({"body": "Show {{ offer.code }}"}, "/body", "names offer.code, and there is none"),
        ({"body": "{{ product.name }}"}, "/body", "names a product, and the offer is about none"),
        ({"body": "{% for one in products %}{{ one.id }}{% endfor %}"}, "/body", None),
        ({"languages": {"de": {"title": "{{ product.name }}", "body": "B"}}}, "/languages/de/title", None),
        (
            {"products": ["beans"], "title": "{{ product.prize }}"},
            "/title",
            "names product.prize, which there is not; a product has: id, name, tags, stock, price, currency",
        ),
        ({"codes": {"pool": "a"}, "code": "A"}, "/codes", "stands beside code"),
        ({"codes": {}}, "/codes", "names not exactly one source"),
        ({"fallback": FALLBACK | {"title": "{{ site.id }}"}}, "/fallback/title", "is a template"),
        ({"fallback": FALLBACK | {"link": "shop"}}, "/fallback/link", "is not an https link"),
        ({"languages": {"de": {"title": "{{ x }}", "body": "B"}}}, "/languages/de/title", None),
        ({"languages": {"de": FALLBACK, "DE": FALLBACK}}, "/languages/DE", "is the same language as de"),
        ({"languages": {"d e": FALLBACK}}, "/languages/d e/[key]", None),
        ({"codes": {"generated": {"length": 10}}}, "/codes/generated/length", None),
        ({"codes": {"generated": {"prefix": "ab"}}}, "/codes/generated/prefix", None),
    ],
)  # fmt: skip
def test_each_mistake_is_named_by_its_place(offer, where, what):
    found = flaws(**offer)
    assert set(found) == {where}
    assert what in {None, found[where]}


def unready(**offer):
    (found,) = published({"id": "first", "title": CERTAIN}, offer).document("coffee")["offers"][1:]
    return {pointer(flaw.path): flaw.what for flaw in text_flaws([PLAIN, found])}


def test_what_may_be_impossible_to_write_is_not_ready_without_a_fallback():
    what = "may be impossible to write: customer.attributes.name may be missing"
    assert unready(title=DOUBTFUL) == {"/offers/1/title": what}
    assert unready(title=CERTAIN) == unready(title=DOUBTFUL, fallback=FALLBACK) == {}


def test_a_price_may_be_missing_and_a_name_is_always_there():
    about = {"products": ["beans"]}
    what = "may be impossible to write: product.price may be missing"
    assert unready(title="For {{ product.price }}", **about) == {"/offers/1/title": what}
    assert unready(title="{{ product.name }}: {{ product.stock }} left", **about) == {}


def test_at_an_event_a_place_is_missing_too():
    offers = [PLAIN | {"title": "At {{ zone.name }}"}]
    assert list(text_flaws(offers)) == []
    (flaw,) = text_flaws(offers, placeless=True)
    assert pointer(flaw.path) == "/offers/0/title"


def test_a_language_may_bring_the_fallback_that_it_needs():
    german = {"title": "Kaffee", "body": DOUBTFUL}
    assert set(unready(languages={"de": german})) == {"/offers/1/languages/de/body"}
    assert unready(languages={"de": german | {"fallback": FALLBACK}}) == {}
    assert unready(languages={"de": german}, fallback=FALLBACK) == {}
