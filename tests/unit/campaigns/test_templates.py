"""Offer texts with values in them: what comes out, what is refused at saving, and what no template can do."""

import time

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.campaigns.bounded_liquid import CODE_MARK, OTHER_FILTERS, SAFE_FILTERS
from beacon_service.campaigns.template_reader import TemplateError
from beacon_service.campaigns.templates import LONGEST, compile_template

ATTRIBUTES = {"name": "Anna", "favourites": ["tea", "bread & jam"], "points": 41, "nothing": None}
LATER = "2026-06-03T15:05:00+02:00"


def values(**attributes):
    return {
        "customer": {"id": "anna", "attributes": ATTRIBUTES | attributes},
        "site": {"id": "shop", "name": "Shop"},
        "zone": {"id": "cafe", "name": "Café", "tags": ["food", "drink"]},
        "moment": {
            "move": "entered",
            "dwell_s": 0,
            "visit": 3,
            "at": "2026-06-03T14:05:00+02:00",
            "date": "2026-06-03",
            "time": "14:05",
            "hour": 14,
            "weekday": "wednesday",
        },
        "offer": {"id": "coffee", "expires_at": LATER, "code": CODE_MARK},
    }


def written(source, part="body", **attributes):
    return compile_template(source, part).render(values(**attributes))


def refusal(source, part="body"):
    with pytest.raises(TemplateError) as refused:
        compile_template(source, part)
    return str(refused.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("A cup is on us.", "A cup is on us."),
        ("Hello {{ customer.attributes.name }}!", "Hello Anna!"),
        ("{{ site.name }}, {{ zone.name }} ({{ zone.tags | join: ', ' }})", "Shop, Café (food, drink)"),
        ("Until {{ offer.expires_at | date: '%H:%M on %-d.%-m.%Y' }}", "Until 15:05 on 3.6.2026"),
        ("At {{ moment.time }} on a {{ moment.weekday }}", "At 14:05 on a wednesday"),
        ("{% if moment.hour >= 12 %}Good day{% else %}Good morning{% endif %}", "Good day"),
        ("{% if customer.attributes.tier == 'gold' %}Gold{% endif %}", ""),
        ("{{ customer.attributes.tier | default: 'friend' }}", "friend"),
        ("{{ customer.attributes.nothing | default: 'null is as good as none' }}", "null is as good as none"),
        ("{% for one in customer.attributes.favourites %}[{{ one }}]{% endfor %}", "[tea][bread & jam]"),
        ("{% assign left = 50 | minus: customer.attributes.points %}{{ left }} to go", "9 to go"),
        ("{% case zone.id %}{% when 'cafe' %}Coffee{% else %}Else{% endcase %}", "Coffee"),
        ("a < b & {{ 'c > d' }}", "a < b & c > d"),
        ("{% raw %}{{ as it is }}{% endraw %}", "{{ as it is }}"),
    ],
)
def test_a_text_is_written_for_one_customer_at_one_moment(source, text):
    assert written(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ customer.attributes.tier }}",
        "{{ customer.attributes.nothing }}",
        "{{ customer.attributes.tier | upcase }}",
        "{{ customer.attributes.tier | plus: 1 }}",
        "{{ customer.attributes.tier | append: 'x' | default: 'too late' }}",
        "{{ 'x' | append: customer.attributes.tier }}",
        "{% if customer.attributes.name > 3 %}x{% endif %}",
        "{{ customer.attributes.points | divided_by: 0 }}",
        "{{ customer.attributes.name | date: '%Y' }}",
    ],
)
def test_what_cannot_be_written_is_none_and_was_doubted_at_saving(source):
    template = compile_template(source, "body")
    assert template.render(values()) is None
    assert template.doubts


def test_a_missing_attribute_is_named_as_a_doubt():
    assert compile_template("{{ customer.attributes.tier }}", "body").doubts == (
        "customer.attributes.tier may be missing",
    )


def test_names_of_a_place_are_doubted_apart_since_most_moments_have_one():
    template = compile_template(
        "{{ site.name }} {{ 'x' | append: zone.id }} {{ zone.name | default: 'here' }}", "body"
    )
    assert template.doubts == ()
    assert template.place_doubts == (
        "site.name is missing where nobody is anywhere",
        "zone.id is missing where nobody is anywhere",
    )
    nowhere = {name: value for name, value in values().items() if name not in {"site", "zone"}}
    assert template.render(nowhere) is None
    assert compile_template("{{ zone.name | default: 'here' }}", "body").render(nowhere) == "here"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ customer.attributes.name", "expected '}}'"),
        ("{% if moment.hour %}", "is no template"),
        ("{% include 'other' %}", "unexpected tag 'include'"),
        ("{% render 'other' %}", "unexpected tag 'render'"),
        ("{{ 'x' | upcsae }}", "uses the filter upcsae, which there is not"),
        ("{{ 'x' | escapejs }}", "which there is not"),
        ("{{ 'x' | append }}", "gives the filter append other arguments than it takes"),
        ("{{ 'x' | upcase: 1 }}", "gives the filter upcase other arguments than it takes"),
        ("{{ 'x' | default: 'a', strict: true }}", "gives the filter default other arguments"),
        ("{{ shop.name }}", "names shop.name, which there is not; there are: customer, site"),
        ("{{ site.nmae }}", "names site.nmae, which there is not; site has: id, name"),
        ("{{ customer.name }}", "customer has: id, attributes"),
        ("{% for n in (1..9) %}{{ n }}{% endfor %}", "counts through a range"),
        ("{{ offer.code | downcase }}", "it can only be written out"),
        ("{% capture x %}{{ offer.code }}{% endcapture %}", "it can only be written out"),
        ("{{ offer.expires_at | date: '%A' }}", "has %A in a date's layout"),
        ("{{ offer.expires_at | date }}", "missing a required argument: 'layout'"),
        ("{% assign site = customer.attributes.x %}{{ site.name }}", "the name site, which is taken"),
        ("{% for zone in customer.attributes.x %}{{ zone.name }}{% endfor %}", "the name zone, which is taken"),
        ("{% if " + "site.id or " * 60 + "site.id %}{% endif %}", "more than 30 parts"),
    ],
)  # fmt: skip
def test_what_is_no_template_of_ours_is_refused_at_saving(source, why):
    assert why in refusal(source)


@pytest.mark.parametrize("name", [*SAFE_FILTERS, *OTHER_FILTERS])
def test_every_filter_is_there(name):
    arguments = ("", ": 1", ": 'a'", ": 'a', 'b'")
    taken = []
    for given_ in arguments:
        try:
            taken.append(compile_template(f"{{{{ customer.attributes.value | {name}{given_} }}}}", "body"))
        except TemplateError:
            continue
    found = [one.render(values(value=value)) for one in taken for value in ("abc", 5, [3, 1])]
    assert any(text is not None for text in found)


def test_an_error_says_in_which_line_it_is():
    assert "(line 2, column" in refusal("First\n{% unknown %}")


class TestBounds:
    def test_a_text_is_cut_where_it_is_too_long(self):
        assert (
            len(written("{{ customer.attributes.name }}" * 20, "title", name="x" * 150)) == LONGEST["title"]
        )
        assert len(written("{{ customer.attributes.name }}", "body", name="x" * 5000)) == 200

    def test_loops_are_counted_together(self):
        loop = "{% for one in customer.attributes.many %}x{% endfor %}"
        assert written(loop, many=[1] * 100) == "x" * 100
        assert written(loop, many=[1] * 101) is None
        assert written(loop + loop, many=[1] * 51) is None
        nested = "{% for one in customer.attributes.many %}" + loop + "{% endfor %}"
        assert written(nested, many=[1] * 20) is None

    def test_filters_are_counted(self):
        loop = "{% for one in customer.attributes.many %}{{ one" + " | upcase" * 5 + " }}{% endfor %}"
        assert written(loop, many=["x"] * 70) == "X" * 70
        assert written(loop, many=["x"] * 71) is None

    def test_values_that_are_read_are_counted(self):
        asked = "{% if zone.id == 'x' %}{% endif %}" * 11
        loop = "{% for one in customer.attributes.many %}x" + asked + "{% endfor %}"
        assert written(loop, many=[1] * 90) == "x" * 90
        assert written(loop, many=[1] * 91) is None

    @pytest.mark.parametrize("part", ["body", "link"])
    def test_without_loops_no_text_that_may_be_saved_asks_too_much(self, part):
        start, room = ("", 2000) if part == "body" else ("https://shop.example/", 2048)
        for repeated in ("|strip", "|append:site.id", "}}{{site.id", "}}{%if site.id%}{%endif%}{{''"):
            source = f"{start}{{{{site.id{repeated * ((room - len(start) - 11) // len(repeated))}}}}}"
            template = compile_template(source, part)
            assert template.doubts == ()
            assert template.render(values()) is not None

    @pytest.mark.parametrize(
        "source",
        [
            "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 60 + " }}",
            "{% assign x = 'x' %}" + "{% assign x = x | append: x %}" * 60 + "{{ x }}",
            "{% assign x = 9 %}" + "{% assign x = x | times: x %}" * 60 + "{{ x }}",
            "{{ 'x' | split: '' | join: 'aaaaaaaaaaaaaaaaaaaa' }}" * 30,
        ],
    )
    def test_what_multiplies_is_cut(self, source):
        template = compile_template(source, "body")
        began = time.perf_counter()
        text = template.render(values())
        assert time.perf_counter() - began < 0.2
        assert text is None or len(text) <= LONGEST["body"]

    def test_no_clock_is_read(self):
        assert written("{{ 'now' | date: '%Y' }}") is None
        assert written("{{ 'today' | date: '%Y' }}") is None

    def test_control_characters_are_stripped_and_lines_kept(self):
        hostile = "A\x00n\x1bn\x9fa\u202e"
        assert written("{{ customer.attributes.name }}\r\nHello\x07", name=hostile) == "Anna\nHello"
        assert written("{{ customer.attributes.name }} Hello", "title", name="An\nna") == "An na Hello"


class TestLinks:
    def test_values_are_encoded(self):
        source = "https://shop.example/{{ zone.name }}?who={{ customer.attributes.name }}&c={{ offer.code }}"
        assert written(source, "link", name="a/b?c=d&e #") == (
            f"https://shop.example/Caf%C3%A9?who=a%2Fb%3Fc%3Dd%26e%20%23&c={CODE_MARK}"
        )

    @pytest.mark.parametrize(
        "source",
        [
            "{{ customer.attributes.link }}",
            "https://{{ site.id }}.example/",
            "https://shop.example{{ site.id }}",
            "https://shop.example@{{ site.id }}/",
            "http://shop.example/{{ site.id }}",
            "{% if moment.hour %}https{% endif %}://shop.example/",
        ],
    )
    def test_the_host_is_written_out(self, source):
        assert "a host that is written out" in refusal(source, "link")

    def test_one_that_became_too_long_or_unfit_is_none(self):
        assert (
            written("https://shop.example/" + "{{ customer.attributes.name }}" * 8, "link", name="é" * 200)
            is None
        )
        assert written("https://shop.example/a b/{{ site.id }}", "link") is None


SIMPLE = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["{{ customer.attributes.a", "{{ customer.attributes.b.c", "{{ site.name", "{{ 'x'"])
FILTERS = st.sampled_from([*SAFE_FILTERS, *OTHER_FILTERS, "default: 'd'", "append: customer.attributes.b"])


TEXT_TAKING = {"append", "prepend", "remove", "remove_first", "split", "join"}
NUMBER_TAKING = {"at_least", "at_most", "divided_by", "minus", "modulo", "plus", "slice", "times"}


def with_arguments(name):
    if name.startswith("replace"):
        return f"{name}: 'a', 'b'"
    if name in TEXT_TAKING:
        return f"{name}: 'a'"
    return f"{name}: 3" if name in NUMBER_TAKING or name.startswith("truncate") else name


@st.composite
def outputs(draw):
    return " | ".join([draw(NAMES), *map(with_arguments, draw(st.lists(FILTERS, max_size=3)))]) + " }}"


@hypothesis.settings(max_examples=300)  # filters after one another are many
@given(outputs(), SIMPLE, SIMPLE)
def test_rendering_never_raises_and_fails_only_where_it_was_doubted(source, a, b):
    template = compile_template(f"x{source}", "body")
    text = template.render(values(a=a, b=b))
    assert text is None or len(text) <= LONGEST["body"]
    assert text is not None or template.doubts


@given(st.text(alphabet="{}%| .:'abcustomeridfnx\n", max_size=60))
def test_any_text_is_taken_or_refused(source):
    found = taken_or_refused(source)
    if isinstance(found, TemplateError):
        assert str(found), "whoever wrote it is told why"
        return
    text = found.render(values())
    assert text is None or len(text) <= LONGEST["body"]
    assert text is not None or found.doubts or found.place_doubts
    if "{" not in source:
        assert text == source


def taken_or_refused(source):
    try:
        return compile_template(source, "body")
    except TemplateError as refused:
        return refused


BEANS = {
    "id": "beans",
    "name": "Yirgacheffe",
    "tags": ["coffee"],
    "stock": 3,
    "price": "9.50",
    "currency": "EUR",
}
BREAD = {"id": "bread", "name": "Rye", "tags": [], "stock": 8, "price": None, "currency": None}


def of_products(source, *products):
    about = {"product": products[0], "products": list(products)} if products else {}
    return compile_template(source, "body").render(values() | about)


class TestProducts:
    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("{{ product.name }}, {{ product.price }} {{ product.currency }}", "Yirgacheffe, 9.50 EUR"),
            ("{{ product.stock }} left of {{ product.id }}", "3 left of beans"),
            ("{% if product.stock < 5 %}Last ones{% endif %}", "Last ones"),
            ("{{ product.price | times: 2 }}", "19.0"),
            ("{% for one in products %}[{{ one.name }}]{% endfor %}", "[Yirgacheffe][Rye]"),
            ("{% for product in products %}[{{ product.name }}]{% endfor %}", "[Yirgacheffe][Rye]"),
            ("{{ products | size }} of them", "2 of them"),
            ("{{ products.size }} of them, also {{ products[1].name }}", "2 of them, also Rye"),
        ],
    )
    def test_what_the_offer_is_about_may_be_named(self, source, text):
        assert of_products(source, BEANS, BREAD) == text
        assert compile_template(source, "body").uses_products

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("{{ product.nmae }}", "product has: id, name, tags, stock, price, currency"),
            ("{{ products[0].nmae }}", "product has: id"),
            ("{% for one in products %}{{ one.nmae }}{% endfor %}", "names one.nmae, which there is not"),
            ("{% for product in products %}{{ product.nmae }}{% endfor %}", "product has: id"),
            ("{{ product }}", "say product.name"),
            ("{{ products[0] }}", "say products[0].name"),
            ("{{ products }}", "which are several"),
            ("{{ products | join: ', ' }}", "join with products, which are several"),
            ("{{ products | first }}", "first with products, which are several"),
            ("{% assign all = products %}{{ all }}", "which are several"),
            ("{% assign all = products | reverse %}{{ all }}", "which are several"),
            ("{% for one in products %}{{ one }}{% endfor %}", "say one.name"),
            ("{% for one in products %}{{ one | upcase }}{% endfor %}", "say one.name"),
            (
                "{% for one in products %}{% for part in one %}{{ part }}{% endfor %}{% endfor %}",
                "say one.name",
            ),
            ("{{ prodcut.name }}", "there are: customer, site, zone, moment, offer, product, products"),
        ],
    )
    def test_what_products_do_not_have_is_refused_when_the_text_is_saved(self, source, why):
        assert why in refusal(source)

    def test_a_price_may_be_missing_and_a_name_or_a_count_may_not(self):
        priced = "{{ product.price }}"
        assert compile_template(priced, "body").doubts == ("product.price may be missing",)
        assert of_products(priced, BREAD) is None
        assert of_products("{{ product.price | default: 'for you' }}", BREAD) == "for you"
        assert compile_template("{{ product.name }}: {{ product.stock }}", "body").doubts == ()

    @pytest.mark.parametrize(
        "source",
        [
            "{% assign product = customer.attributes.name %}{{ product }}",
            "{% assign products = customer.attributes.favourites %}{% for one in products %}{{ one.any }}{% endfor %}",
            "{% for product in customer.attributes.favourites %}{{ product }}{% endfor %}",
        ],
    )
    def test_texts_that_gave_these_names_to_values_of_their_own_are_taken_as_before(self, source):
        assert not compile_template(source, "body").uses_products

    def test_a_name_that_is_a_product_here_and_a_value_there_may_have_any_field(self):
        both = (
            "{% for one in products %}{{ one.name }}{% endfor %}"
            "{% for one in customer.attributes.favourites %}{{ one.any | default: '-' }}{% endfor %}"
        )
        assert of_products(both, BEANS) == "Yirgacheffe--"
