"""The corpus of scenarios through the pure core alone."""

from dataclasses import asdict

import pytest

from beacon_service.campaigns.audience_schema import AudienceIn
from beacon_service.campaigns.policy_schema import PolicyIn
from beacon_service.campaigns.products_schema import ProductIn
from beacon_service.campaigns.schema import CampaignIn
from tests.factories.scenarios import NAMES, Decided, in_memory, in_time, load


def events(scenario, memory):
    names = {one.key: name for name, one in memory.installations.items()}
    return in_time(
        scenario.moment(
            names[event.installation_key], event.move.type, event.zone, event.move.dwell_s, event.move.at
        )
        for event in memory.events
    )


def decisions(scenario, memory):
    names = {one.key: name for name, one in memory.installations.items()}
    told = []
    for decision in memory.decisions:
        moment = decision.moment
        at = scenario.moment(
            names[moment.installation_key], moment.move, moment.zone, moment.measure, moment.at
        )
        channel = decision.channel or "response"
        told.append(Decided(at, decision.campaign, decision.reasons, channel))
    return sorted(told, key=lambda one: (float(one.at.split()[0]), one.at))


def moments(scenario, memory):
    names = {one.key: name for name, one in memory.installations.items()}
    for decision in memory.decisions:
        moment = decision.moment
        at = (names[moment.installation_key], moment.move, moment.zone, moment.measure, moment.at)
        yield scenario.moment(*at), decision


def offers(scenario, memory):
    return [
        (at, asdict(decision.offer))
        for at, decision in moments(scenario, memory)
        if decision.offer is not None
    ]


def scores(scenario, memory):
    return [(at, decision.scores) for at, decision in moments(scenario, memory)]


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name):
    scenario = load(name)
    memory = in_memory(scenario)

    def post(batches, now):
        body = [{"installation_id": phone, "pings": pings} for phone, pings in batches.items()]
        return memory.post({"batches": body}, now)

    scenario.run(post, memory.tick, memory.report)
    assert events(scenario, memory) == in_time(scenario.expect.events)
    assert decisions(scenario, memory) == scenario.expect.decisions
    assert scenario.expect.said(offers(scenario, memory)) == scenario.expect.offers
    assert scenario.expect.weighed(scores(scenario, memory)) == scenario.expect.scores


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_is_one_that_the_api_accepts(name):
    scenario = load(name)
    kinds = scenario.configuration.kinds(scenario.start_at)
    for campaign in kinds["campaigns"]:
        CampaignIn.model_validate(campaign)
    PolicyIn.model_validate(kinds["policy"])
    for product in kinds["products"]:
        ProductIn.model_validate(product)
    for audience in kinds["audiences"]:
        AudienceIn.model_validate(audience)


def test_there_are_scenarios():
    assert len(NAMES) >= 25
