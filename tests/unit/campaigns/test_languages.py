"""Which language of an offer a customer is told."""

import pytest

from beacon_service.campaigns.languages import lookup, wanted


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("de", "de"),
        ("de-CH", "de-ch"),
        ("de_CH", "de-ch"),
        ("de_CH.UTF-8", "de-ch"),
        ("de-CH-1996", "de-ch"),
        ("de-AT", "de"),
        ("DE-at", "de"),
        ("zh-Hant-TW", "zh-hant"),
        ("zh-Hant-x-private", "zh-hant"),
        ("zh", None),
        ("fr", None),
        ("", None),
        ("*", None),
        ("not a language", None),
        (None, None),
    ],
)
def test_the_longest_tag_that_fits_is_found(asked, found):
    assert lookup(asked, {"de", "de-ch", "zh-hant"}) == found


def test_what_the_customer_asked_for_comes_before_what_the_phone_is_set_to():
    assert wanted("fr", "de-CH") == "fr"
    assert wanted(None, "de-CH") == wanted("", "de-CH") == wanted(7, "de-CH") == "de-CH"
    assert wanted(None, None) is None
