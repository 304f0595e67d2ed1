"""An offer in its languages: which is told, when the fallback is, and where the code comes to stand."""

from beacon_service.campaigns.bounded_liquid import CODE_MARK
from beacon_service.campaigns.content import Texts, content_of
from tests.factories.catalogue import offer_document
from tests.unit.campaigns.test_templates import values

FALLBACK = {"title": "Coffee", "body": "For you"}


def told(language=None, *, attributes=None, **offer):
    return content_of(offer_document(**offer)).write(values(**(attributes or {})), language)


def test_an_offer_that_says_the_same_to_everybody_is_not_compiled():
    assert content_of(offer_document()) is None
    assert content_of(offer_document(title="50 % {off}")) is None


def test_where_one_text_cannot_be_made_all_of_it_is_the_fallback():
    offer = {"title": "For {{ customer.attributes.tier }}", "body": "Now", "fallback": FALLBACK}
    assert told(**offer) == Texts("Coffee", "For you")
    assert told(attributes={"tier": "gold"}, **offer) == Texts("For gold", "Now")


def test_the_fallback_keeps_a_link_in_which_no_value_stands():
    doubtful = {"title": "{{ customer.attributes.tier }}", "fallback": FALLBACK}
    assert told(link="https://shop.example/", **doubtful).link == "https://shop.example/"
    assert told(link="https://shop.example/{{ site.id }}", **doubtful).link is None
    own = {"fallback": FALLBACK | {"link": "https://shop.example/plain"}}
    assert (
        told(**(doubtful | own), link="https://shop.example/{{ site.id }}").link
        == "https://shop.example/plain"
    )


def test_a_link_that_became_too_long_is_left_out_where_nothing_is_missing():
    long = "https://shop.example/" + "{{ customer.attributes.tier | default: '' }}" * 8
    assert told(link=long, attributes={"tier": "é" * 200}) == Texts("Coffee", "A cup is on us.")


def test_languages_are_told_by_tag_and_inherit_links():
    offer = {
        "link": "https://shop.example/",
        "languages": {
            "de": {"title": "Kaffee", "body": "{{ site.name }}"},
            "de-CH": {"title": "Kafi", "body": "Da"},
        },
    }
    assert told("de-AT", **offer) == Texts("Kaffee", "Shop", "https://shop.example/")
    assert told("de-CH", **offer).title == "Kafi"
    assert told("fr", **offer).title == told(None, **offer).title == "Coffee"


def test_a_language_may_have_a_fallback_of_its_own():
    german = {"title": "{{ customer.attributes.tier }}", "body": "Da"}
    offer = {"fallback": FALLBACK, "languages": {"de": german}}
    assert told("de", **offer).title == "Coffee"
    german["fallback"] = {"title": "Kaffee", "body": "Da"}
    assert told("de", **offer).title == "Kaffee"


def test_a_code_stands_where_it_is_named():
    told_to = told(
        title="{{ offer.code }}!",
        body="Show {{ offer.code }}.",
        link="https://shop.example/?{{ offer.code }}",
    )
    assert told_to.title == f"{CODE_MARK}!"
    assert told_to.with_code("A/B") == Texts("A/B!", "Show A/B.", "https://shop.example/?A%2FB")
    assert told_to.with_code(None) == Texts("!", "Show .", "https://shop.example/?")


def test_braces_stored_before_there_were_templates_are_shown_as_they_are():
    assert content_of(offer_document(title="{{ unknown.thing }}")) is None
