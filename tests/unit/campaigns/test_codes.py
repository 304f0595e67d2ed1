"""Codes that are made here: not to be guessed, to be checked, and the same for whoever knows the secret."""

from beacon_service.campaigns.codes import ALPHABET, is_code, is_ours, is_pool, made, pool_key, typed
from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.ledger import Tally
from beacon_service.campaigns.model import Recipe
from beacon_service.campaigns.writing import with_code
from beacon_service.ids import derived_uuid
from tests.factories.catalogue import offer_document
from tests.factories.moments import campaign, chosen, question

SECRET = b"secret of this installation"
RECIPE = Recipe("SUM-", 11)
SUMMER = [offer_document(codes={"pool": "summer"}, title="Show {{ offer.code }}")]


def code(number=0, *, secret=SECRET, attempt=0):
    return made(secret, RECIPE, derived_uuid("decision", number), attempt)


class TestMade:
    def test_it_follows_from_secret_decision_and_attempt(self):
        assert code() == code()
        assert len({code(), code(1), code(attempt=1), code(secret=b"another")}) == 4

    def test_it_has_the_prefix_and_the_length_that_were_asked_for(self):
        assert code().startswith("SUM-")
        assert len(code()) == len("SUM-") + 11
        assert set(code()[4:]) <= set(ALPHABET)
        assert is_code(code())

    def test_one_that_was_made_here_is_told_from_one_that_was_not(self):
        codes = [code(number) for number in range(500)]
        assert len(set(codes)) == 500
        assert all(is_ours(SECRET, one) for one in codes)
        assert not any(is_ours(b"another", one) for one in codes)
        swapped = [one[:-1] + ALPHABET[(ALPHABET.index(one[-1]) + 1) % 32] for one in codes]
        assert not any(is_ours(SECRET, one) for one in swapped)
        assert not is_ours(SECRET, "")

    def test_it_may_be_typed_in_small_letters(self):
        assert typed(f" {code().lower()} ") == code()


class TestPools:
    def test_an_empty_pool_loses_as_codes_and_the_next_wins(self):
        asked = question(tallies={"codes:summer": 5})
        asked.shared.tallies["codes:summer"] = Tally(5, 5)
        winner, lost = chosen(asked, campaign("a", priority=1, offers=SUMMER), campaign("b"))
        assert (winner, lost) == ("b", {"a": "codes"})
        assert asked.counts == [("a", "codes:summer", 5, 5)]

    def test_what_is_left_is_claimed_one_by_one(self):
        asked = question(tallies={"codes:summer": 0})
        asked.shared.tallies["codes:summer"] = Tally(4, 5)
        assert decide(asked, [campaign("a", offers=SUMMER)]).campaign == "a"
        assert decide(asked, [campaign("a", offers=SUMMER)]).reasons == {"a": "codes"}

    def test_a_pools_charge_comes_back_where_nothing_was_delivered(self):
        (grant,) = decide(question(), [campaign("a", offers=SUMMER)]).grants
        ((key, counts, amount),) = [(one.key, one.counts, one.amount) for one in grant.charges]
        assert (key, counts, amount) == (pool_key("summer"), "delivered", 1)
        assert is_pool(key)

    def test_the_code_is_put_into_the_text_when_it_is_known(self):
        offer = decide(question(), [campaign("a", offers=SUMMER)]).offer
        assert offer.code is None
        known = with_code(offer, "AB12")
        assert (known.title, known.code) == ("Show AB12", "AB12")


def test_a_static_code_stands_in_the_text_at_once():
    offers = [offer_document(code="RIOJA2", body="Say {{ offer.code }}, {{ customer.id }}{{ site.id }}")]
    assert decide(question(), [campaign("a", offers=offers)]).offer.body == "Say RIOJA2, shop"
