"""The report as people read it: in words, and as a page that loads nothing and runs nothing."""

from html.parser import HTMLParser

import pytest

from simulators.backtesting.page import bars, page
from simulators.backtesting.telling import headline, side, summary

DECIDED = {"campaign": None, "reasons": {"coffee": "cap"}, "counts": [["coffee", "coffee:day", 1, 1]]}
REPORT = {
    "verified": False,
    "from": "2026-06-03T12:00:00Z",
    "to": "2026-06-03T14:00:00Z",
    "changed": ["campaign/coffee"],
    "decisions": 9,
    "differences": 3,
    "kinds": {"gained": 3},
    "fields": {},
    "before": {"offers": 3},
    "after": {"offers": 6},
    "campaigns": {
        "coffee": {
            "offers": [3, 6],
            "gained": 3,
            "lost": 0,
            "reasons": [{"before": "cap", "after": "offered", "moments": 3}],
        }
    },
    "zones": {"shop/cafe": [3, 6]},
    "hours": {"2026-06-03T12:00Z": [3, 6]},
    "moves": {},
    "customers": {"more": 3, "fewer": 0, "most_before": 1, "most_after": 2},
    "pings": 60,
    "seconds": 1.5,
    "positions": "recorded",
}
ANSWER = {"id": "b", "status": "done", "error": None, "report": REPORT}
EXAMPLE = {
    "kind": "gained",
    "campaign": "<script>alert(1)</script>",
    "site": "shop",
    "zone": "cafe",
    "at": "2026-06-03T12:20:00Z",
    "before": DECIDED,
    "after": DECIDED | {"campaign": "coffee", "reasons": {}},
}


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.links, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        self.links += [value for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data):
        self.text += data


def test_a_page_loads_nothing_and_runs_nothing_whatever_names_say():
    tags = Tags(page(ANSWER, [EXAMPLE]))
    assert "script" not in tags.found
    assert tags.links == []
    assert "<script>alert(1)</script>" in tags.text


def test_a_page_tells_each_campaign_and_explains_both_sides_of_a_moment():
    text = Tags(page(ANSWER, [EXAMPLE])).text
    assert "cap -> offered (3)" in text
    assert "nothing (coffee cap)" in text
    assert "coffee:day: 1 of 1" in text


def test_bars_are_as_high_as_their_numbers():
    plot = bars({"a": [5, 10], "b": [0, 0]})
    heights = [float(part.split('"')[1]) for part in plot.split(" height=")[1:]]
    assert heights == [76.0, 152.0, 0.0, 0.0]


def test_where_there_is_nothing_to_draw_it_is_said():
    assert "No offer" in bars({})
    assert "There is none" in page(ANSWER, [])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, "3 offers were made, 6 would have been: 3 gained; 60 pings in 1.5 s"),
        (
            {"verified": True, "differences": 0},
            "9 decisions, all of them as they were made; 60 pings in 1.5 s",
        ),
        (
            {"verified": True, "differences": 1, "fields": {"reasons": 1}},
            "1 of 9 decisions differ (reasons 1); 60 pings in 1.5 s",
        ),
    ],
)
def test_one_sentence_says_what_came_of_it(changed, says):
    assert headline(REPORT | changed) == says


def test_the_last_line_has_decisions_and_differences_also_of_one_that_failed():
    assert {"decisions": 9, "differences": 3, "status": "done"}.items() <= summary(ANSWER).items()
    failed = summary(ANSWER | {"status": "failed", "report": None, "error": "no"})
    assert failed == {"backtest": "b", "status": "failed", "error": "no"}


def test_a_side_without_an_offer_says_why():
    assert [side(None), side(DECIDED), side(EXAMPLE["after"])] == [
        "no moment",
        "nothing (coffee cap)",
        "coffee",
    ]
