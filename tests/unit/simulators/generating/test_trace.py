"""Whole days: the same bytes again, in order of time, readable by the service, and true to the site's zones."""

import gzip
import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec
import pytest
import shapely
from click.testing import CliRunner

from beacon_service.customers.events_schema import EventsIn
from beacon_service.customers.schema import CustomerIn, InstallationIn
from beacon_service.pings.schema import ParsedPing, parse
from simulators.cli import main
from simulators.generating.sites.built_in import BUILT_IN
from simulators.generating.sites.files import write_site
from simulators.generating.trace import Tally, merged, write_days
from simulators.generating.world import Crowd, make_world, open_days
from simulators.traces.files import checked, open_trace, open_truth, truth_beside
from simulators.traces.model import (
    CustomerTold,
    EventTold,
    Identified,
    Registered,
    Report,
    Response,
)

MONDAY = date(2026, 3, 2)


def written(folder, site="supermarket", **crowd):
    usual = {"seed": 5, "shoppers": 60, "first": MONDAY, "in_hand": True}
    out = folder / "day.jsonl.gz"
    tally = write_days(out, BUILT_IN[site](1), Crowd(**(usual | crowd)), "a test")
    return out, tally


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return written(tmp_path_factory.mktemp("day"))


@pytest.fixture(scope="module")
def lines(day):
    _, found = open_trace(day[0])
    return list(checked(found))


@pytest.fixture(scope="module")
def truth(day):
    _, found = open_truth(truth_beside(day[0]))
    return list(found)


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    out, tally = written(tmp_path_factory.mktemp("week"), "small-shop", days=8, shoppers=40)
    _, found = open_trace(out)
    return list(checked(found)), tally


def test_the_same_seed_gives_the_same_bytes(day, tmp_path):
    again, _ = written(tmp_path)
    assert again.read_bytes() == day[0].read_bytes()
    assert truth_beside(again).read_bytes() == truth_beside(day[0]).read_bytes()


def test_another_seed_gives_another_day(day, tmp_path):
    other, _ = written(tmp_path, seed=6)
    assert other.read_bytes() != day[0].read_bytes()


def test_more_shoppers_leave_the_first_ones_as_they_were(lines, tmp_path):
    _, found = open_trace(written(tmp_path, shoppers=90)[0])
    first = {f"made-5-0-{number}" for number in range(60)}
    more = [line for line in found if getattr(line, "installation_id", None) in first]
    assert more == [line for line in lines if hasattr(line, "installation_id")]


def test_lines_and_truth_are_in_order_of_time(lines, truth):
    for each in (lines, truth):
        assert [line.at for line in each] == sorted(line.at for line in each)


def test_nothing_is_before_the_trace_begins(day, lines):
    assert open_trace(day[0])[0].begins_at <= lines[0].at


def test_what_was_told_on_the_way_is_what_is_in_the_files(day, lines, truth):
    _, tally = day
    reports = [line for line in lines if isinstance(line, Report)]
    assert (tally.visits, tally.people, tally.lines, tally.truths) == (60, 60, len(lines), len(truth))
    assert (tally.reports, tally.pings) == (len(reports), sum(len(report.pings) for report in reports))
    assert tally.purchases == sum(isinstance(line, EventTold) for line in lines)
    assert tally.purchases > 3


def test_the_service_reads_every_ping(lines):
    for report in islice((line for line in lines if isinstance(line, Report)), 0, None, 7):
        body = {"installation_id": report.installation_id, "sent_at": report.sent_at, "pings": report.pings}
        read = parse(msgspec.json.encode(body), most_pings=50)
        assert all(isinstance(ping, ParsedPing) for _, ping in read.pings)
        assert len(read.pings) == len(report.pings)


def test_the_service_takes_registrations_customers_and_events(lines):
    for line in lines:
        if isinstance(line, Registered):
            told = msgspec.to_builtins(line)
            InstallationIn.model_validate(
                {k: v for k, v in told.items() if k not in {"kind", "at", "installation_id"}}
            )
        elif isinstance(line, CustomerTold):
            CustomerIn.model_validate(
                {"attributes": line.attributes, "consents": {"marketing": line.consents.marketing}}
            )
        elif isinstance(line, EventTold):
            EventsIn.model_validate(line.event)


def test_a_ping_id_of_a_phone_is_one_ping_whenever_it_is_sent(week):
    lines, _ = week
    contents = defaultdict(set)
    sent = Counter()
    for line in lines:
        if isinstance(line, Report):
            for ping in line.pings:
                contents[line.installation_id, ping["ping_id"]].add(json.dumps(ping, sort_keys=True))
                sent[line.installation_id, ping["ping_id"]] += 1
    assert max(map(len, contents.values())) == 1
    assert any(count > 1 for count in sent.values()), "some are sent again"


def test_everybody_registers_and_is_described_before_their_first_report(lines):
    known = defaultdict(set)
    for line in lines:
        if isinstance(line, Report):
            assert {Registered, Response} <= known[line.installation_id]
        elif hasattr(line, "installation_id"):
            assert type(line) not in known[line.installation_id], "once"
            known[line.installation_id].add(type(line))


def test_only_android_tells_addresses_and_powers(lines):
    platforms = {line.installation_id: line.platform for line in lines if isinstance(line, Registered)}
    assert set(platforms.values()) == {"android", "ios"}
    for line in lines:
        if isinstance(line, Report):
            for ping in line.pings:
                for sighting in ping["sightings"]:
                    if sighting.get("major") != 4242:
                        told = {"mac", "tx_power"} & set(sighting)
                        assert told == (
                            {"mac", "tx_power"} if platforms[line.installation_id] == "android" else set()
                        )


def test_pings_are_measured_by_the_phones_clock_and_sent_at_by_it_too(lines):
    ahead = defaultdict(set)
    for line in lines:
        if isinstance(line, Report):
            ahead[line.installation_id].add(round((line.sent_at - line.at).total_seconds(), 2))
            for ping in line.pings:
                assert datetime.fromisoformat(ping["at"]) <= line.sent_at
    assert all(max(each) - min(each) <= 0.011 for each in ahead.values()), (
        "a clock is off by the same all day"
    )
    assert any(abs(next(iter(each))) > 5 for each in ahead.values())


def test_the_truth_agrees_with_the_zones(truth):
    venue = BUILT_IN["supermarket"](1)
    zones = [
        (each["id"], each["properties"].get("floor"), shapely.from_geojson(json.dumps(each["geometry"])))
        for each in venue.zones["features"]
    ]
    assert {each.zone for each in truth} > {"entrance", "tills", "car-park", "aisle-3"}
    for each in truth[::3]:
        point = shapely.Point(each.longitude, each.latitude)
        holding = [
            (shape.area, name)
            for name, floor, shape in zones
            if floor in {None, each.floor} and shape.covers(point)
        ]
        assert each.zone == (min(holding)[1] if holding else None)
        assert each.site == venue.id


def test_the_truth_is_known_for_every_ping(lines, truth):
    known = defaultdict(list)
    for each in truth:
        known[each.installation_id].append(each.at)
    for line in lines:
        if isinstance(line, Report):
            ahead = line.sent_at - line.at
            for ping in line.pings:
                at = datetime.fromisoformat(ping["at"]) - ahead
                assert min(abs((at - each).total_seconds()) for each in known[line.installation_id]) < 0.01


def test_people_come_while_it_is_open_and_most_at_rush_hours(lines):
    zone = ZoneInfo("Europe/Amsterdam")
    came = [line.at.astimezone(zone) for line in lines if isinstance(line, Registered)]
    assert all(time(8, 59) <= each.time() < time(20, 31) for each in came)
    assert max(line.at for line in lines).astimezone(zone).time() < time(21, 40)


def test_on_sundays_the_shop_is_closed_and_regulars_come_again(week):
    lines, tally = week
    assert tally.visits == 7 * 40
    assert tally.people < tally.visits
    days = defaultdict(set)
    for line in lines:
        if isinstance(line, Report):
            days[line.installation_id].add(line.at.date())
    assert date(2026, 3, 8) not in {each for these in days.values() for each in these}
    assert max(map(len, days.values())) > 2
    assert sum(isinstance(line, Registered) for line in lines) == tally.people


def test_those_who_come_again_are_the_same_customers_at_about_the_same_hour(week):
    lines, _ = week
    customers = {line.installation_id: line.customer_id for line in lines if isinstance(line, Identified)}
    assert len(set(customers.values())) == len(customers) > 20
    hours = defaultdict(list)
    first = {}
    for line in lines:
        if isinstance(line, Report) and (line.installation_id, line.at.date()) not in first:
            first[line.installation_id, line.at.date()] = line.at
            hours[line.installation_id].append(line.at.hour + line.at.minute / 60)
    spreads = [max(each) - min(each) for each in hours.values() if len(each) > 2]
    assert sorted(spreads)[len(spreads) // 2] < 4


def test_groups_walk_together(tmp_path):
    out, _ = written(tmp_path, shoppers=40)
    _, found = open_truth(truth_beside(out))
    where = defaultdict(dict)
    for each in found:
        where[each.installation_id][each.at.replace(microsecond=0)] = (each.longitude, each.latitude)
    together = 0
    for one, other in [(f"made-5-0-{n}", f"made-5-0-{n + 1}") for n in range(39)]:
        shared = where[one].keys() & where[other].keys()
        near = [
            shapely.Point(where[one][at]).distance(shapely.Point(where[other][at])) < 6e-5 for at in shared
        ]
        together += len(near) > 10 and sum(near) > 0.9 * len(near)
    assert 3 < together < 30


def test_people_answer_by_the_stated_law(tmp_path):
    _, found = open_trace(written(tmp_path, "small-shop", shoppers=400)[0])
    answers, loyalty, names = {}, {}, {}
    for line in found:
        if isinstance(line, Response):
            answers[line.installation_id] = line
        elif isinstance(line, CustomerTold):
            loyalty[line.customer_id] = line.attributes["loyalty"]
        elif isinstance(line, Identified):
            names[line.installation_id] = line.customer_id
    for tier, buys, effect in (("none", 0.30, 0.10), ("silver", 0.45, 0.05), ("gold", 0.60, 0.0)):
        those = [answers[phone] for phone, name in names.items() if loyalty[name] == tier]
        mean = {
            field: sum(getattr(each, field) for each in those) / len(those)
            for field in ("buy", "buy_if_offered")
        }
        assert mean["buy"] == pytest.approx(buys, abs=0.02)
        assert mean["buy_if_offered"] - mean["buy"] == pytest.approx(0.9 * effect - 0.1 * 0.04, abs=0.015)
    young = [a.click for p, a in answers.items() if p in names and loyalty[names[p]] == "gold"]
    assert sum(young) / len(young) == pytest.approx(0.34 - 0.02, abs=0.02)


def test_people_buy_as_often_as_they_are_said_to(week):
    lines, tally = week
    known = {line.installation_id for line in lines if isinstance(line, Identified)}
    visits = {
        (line.installation_id, line.at.date())
        for line in lines
        if isinstance(line, Report) and line.installation_id in known
    }
    answers = {line.installation_id: line.buy for line in lines if isinstance(line, Response)}
    expected = sum(answers[phone] for phone, _ in visits)
    assert tally.purchases == pytest.approx(expected, abs=4 * (0.25 * len(visits)) ** 0.5)


def test_without_hands_there_are_fewer_pings(day, tmp_path):
    _, realistic = written(tmp_path, in_hand=False)
    assert 0.4 * day[1].pings < realistic.pings < 0.9 * day[1].pings


def test_a_hurried_crowd_is_gone_after_two_minutes(tmp_path):
    out, tally = written(tmp_path, shoppers=50, hurried=True, every_s=2)
    header, found = open_trace(out)
    reports = [line for line in checked(found) if isinstance(line, Report)]
    lasts_s = [(line.at - header.begins_at).total_seconds() for line in reports]
    assert sum(lasted < 125 for lasted in lasts_s) > 0.97 * len(lasts_s)
    assert max(lasts_s) < 240
    assert tally.pings > 50 * 15


def test_lines_come_as_they_are_made():
    """The first of half a million people is told of long before the last is thought of in full."""
    crowd = Crowd(1, 20_000, MONDAY)
    world = make_world(BUILT_IN["small-shop"](1), crowd)
    tally = Tally()
    told = list(islice(merged(world, open_days(world), tally, lambda _share: None), 400))
    assert len(told) == 400
    assert tally.visits < 100


def run(*arguments):
    return CliRunner().invoke(main, ["generate", *map(str, arguments)])


def test_the_command_writes_a_trace_and_says_what_is_in_it(tmp_path):
    out = tmp_path / "day.jsonl"
    result = run("--site", "small-shop", "--shoppers", 5, "--seed", 3, "-o", out)
    assert result.exit_code == 0, result.output
    assert "5 visits of 5 people" in result.output
    header, found = open_trace(out)
    assert header.made_by.startswith("beacon-sim generate --site small-shop --seed 3 --shoppers 5 --days 1")
    assert (header.sites, header.begins_at) == (("small-shop",), datetime(2026, 3, 2, 7, 59, 57, tzinfo=UTC))
    assert sum(isinstance(line, Registered) for line in found) == 5


def test_the_command_writes_a_site_alone(tmp_path):
    result = run("--site", "supermarket", "--write-site", tmp_path / "shop")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "shop").iterdir()} == {
        "site.json",
        "floors",
        "floors.geojson",
        "zones.geojson",
        "beacons.geojson",
        "walls.geojson",
    }


def test_a_built_in_site_and_its_files_give_the_same_day(tmp_path):
    write_site(tmp_path / "site", BUILT_IN["small-shop"](3))
    for number, where in enumerate((("--site", "small-shop"), ("--site-from", tmp_path / "site"))):
        assert run(*where, "--seed", 3, "--shoppers", 4, "-o", tmp_path / f"{number}.jsonl.gz").exit_code == 0
    one, other = (
        gzip.decompress((tmp_path / f"{n}.jsonl.gz").read_bytes()).split(b"\n", 1)[1] for n in (0, 1)
    )
    assert one == other


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "x.jsonl"], "name either a --site"),
        (["--site", "mall", "--site-from", ".", "-o", "x.jsonl"], "name either a --site"),
        (["--site", "mall"], "name the file to write with --out"),
        (["--site", "mall", "-o", "x.csv"], "should end in .jsonl or .jsonl.gz"),
        (["--site", "mall", "-o", "no/such/x.jsonl"], "is no folder; create it first"),
        (["--site-from", "no/such", "-o", "x.jsonl"], "no/such is no folder; name one with zones.geojson"),
        (["--site", "small-shop", "--date", "2026-03-08", "-o", "x.jsonl"], "is closed on all of these days"),
    ],
)
def test_what_cannot_be_generated_is_told_in_a_sentence(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code != 0
    assert told in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("*x*"))
