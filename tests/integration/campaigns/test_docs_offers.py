"""What docs/offers.md shows is what the service takes and says."""

import json
import re
from pathlib import Path

import pytest

from beacon_service.campaigns.bounded_liquid import DATE_PARTS, OTHER_FILTERS, SAFE_FILTERS, TAGS
from beacon_service.campaigns.offer_schema import OfferIn
from beacon_service.campaigns.template_reader import DEFINED, POSSIBLE, PRODUCT, PRODUCT_POSSIBLE
from beacon_service.campaigns.templates import compile_template
from tests.factories.brand import Brand, zone_body
from tests.factories.shop import Shop
from tests.unit.campaigns.test_templates import values

PAGE = (Path(__file__).parents[3] / "docs" / "offers.md").read_text()
EXAMPLES = re.findall(r"```\n(\w+) /v1(\S+)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
NAMES = PAGE[PAGE.index("| name | is |") : PAGE.index("A customer with")]
TEXTS = PAGE[PAGE.index("| text | Anna reads") : PAGE.index("Tags: ")]
ANNA = {"first_name": "Anna", "points": 41, "likes": ["tea", "jam"]}


def rows(table):
    """Cells of a table's body; `\\|` is a bar within one."""
    for line in table.strip().splitlines()[2:]:
        yield [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_examples_do_what_they_say(app, clock):
    brand, shop = Brand(app, clock), Shop(app, clock)
    site = {"name": "Harbour store", "time_zone": "Europe/Amsterdam"}
    assert brand.put("/sites/harbour-store", site).status_code == 201
    assert brand.put("/sites/harbour-store/zones/wine", zone_body(name="Wine")).status_code == 201
    (pool, codes, campaign, _, counted, redeemed) = EXAMPLES
    for method, path, body in (pool, codes, campaign):
        answer = getattr(brand, method.lower())(path, json.loads(body))
        assert answer.status_code == 201, answer.text
    phone = shop.phone("phone", attributes={"first_name": "Anna", "language": "nl"})
    (decision,) = shop.ping(phone, "1")["decisions"]
    assert decision["offer"]["title"] == "Anna, twee voor één"
    assert decision["offer"]["body"] == "Alle Rioja tot 15:00. Toon WD-7F3K aan de kassa."
    assert decision["offer"]["link"] == "https://store.example/rioja?code=WD-7F3K&from=wine"
    assert brand.get(counted[1]).json == json.loads(counted[2])
    answers = [brand.post(redeemed[1], json.loads(redeemed[2])).status_code for _ in range(2)]
    assert answers == [201, 200]
    assert brand.post(redeemed[1], {}).json["code"] == "code_redeemed"


def test_the_example_about_products_reads_as_it_says(app, clock):
    brand, shop = Brand(app, clock), Shop(app, clock)
    site = {"name": "Harbour store", "time_zone": "Europe/Amsterdam"}
    assert brand.put("/sites/harbour-store", site).status_code == 201
    assert brand.put("/sites/harbour-store/zones/wine", zone_body(name="Wine")).status_code == 201
    rioja = {"name": "Rioja Crianza", "price": "8.95", "currency": "EUR"}
    for product, body in (("rioja", rioja), ("manchego", {"name": "Manchego"})):
        assert brand.put(f"/products/{product}", body).status_code == 201
        assert brand.put(f"/sites/harbour-store/stock/{product}", {"quantity": 6}).status_code == 201
    (_, path, body) = next(one for one in EXAMPLES if one[1] == "/campaigns/rioja-tonight")
    assert brand.put(path, json.loads(body)).status_code == 201
    (decision,) = shop.ping(shop.phone("phone"), "1")["decisions"]
    assert decision["offer"]["title"] == "Rioja Crianza for 8.95 EUR"
    assert decision["offer"]["body"] == "Only 6 left. Rioja Crianza Manchego"
    assert f'"{decision["offer"]["title"]}" and "{decision["offer"]["body"]}"' in PAGE
    assert decision["offer"]["link"] == "https://store.example/wine?of=rioja"


@pytest.mark.parametrize(("text", "anna", "ben"), list(rows(TEXTS)))
def test_a_text_reads_as_the_page_says(text, anna, ben):
    template = compile_template(text.strip("`"), "body")
    about = values() | {"zone": {"id": "wine", "name": "Wine", "tags": []}}
    for reads, attributes in ((anna, ANNA), (ben, {})):
        found = template.render(about | {"customer": {"id": "a", "attributes": attributes}})
        assert reads == ("*fallback*" if found is None else found.strip())


def test_all_names_filters_tags_and_parts_of_dates_are_listed():
    named = set(re.findall(r"`(\w+\.\w+)", NAMES))
    assert named == {
        f"{root}.{name}" for known in (DEFINED, POSSIBLE) for root in known for name in known[root]
    } | {f"product.{name}" for name in (*PRODUCT, *PRODUCT_POSSIBLE)}
    words = set(re.findall(r"`([^`]+)`", PAGE[PAGE.index("Tags: ") : PAGE.index("A text is plain")]))
    tags = set(TAGS) - {"content", "illegal", "break", "continue", "#"} | {"raw"}
    assert words == {*tags, *SAFE_FILTERS, *OTHER_FILTERS, "date", "default", *DATE_PARTS}


def test_each_kind_of_code_is_taken():
    plain = {"id": "a", "title": "A", "body": "B"}
    cells = re.findall(r'^\| `("codes?": .*?)` \|', PAGE, re.MULTILINE)
    assert len(cells) == 3
    for cell in cells:
        OfferIn(**plain, **json.loads(f"{{{cell}}}"))
