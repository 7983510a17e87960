"""Two agents, three customers, a supervisor: offers, a refusal, a lost connection, a takeover."""

import re

import pytest
from playwright.sync_api import Page, expect

from apps.agents import services as agents
from apps.agents.models import Agent, RoutingPolicy
from apps.agents.services import AgentTerms
from apps.conversations import selectors
from tests.waiting import wait_until
from tests.web.browsing import CONTRAST, MARKS, shoot, sign_in
from tests.web.conftest import take_everything
from tests.web.test_desk import agent, ask

pytestmark = MARKS
__all__ = ["agent"]


@pytest.fixture
def workers(tenant):
    """What workers do when they are woken; the test says when."""
    RoutingPolicy.objects.create(tenant=tenant, grace=0, offer_time=600)

    def work():
        take_everything()
        agents.look(tenant.pk)
        take_everything()
        return True

    return work


def sit_down(page: Page, site: str, name: str) -> Page:
    """Sign in at the desk and go online, over the socket."""
    desk = sign_in(page, site, name=name, path="/desk/")
    expect(desk.locator("#feed-word")).to_have_text("Live")
    desk.get_by_label("My status").select_option("online")
    # The choice goes over the socket: matching sees it when it has arrived.
    wait_until(lambda: Agent.objects.filter(user__username=name, status="online").exists())
    return desk


def offers(desk: Page):
    return desk.locator(".offer")


def mine(desk: Page):
    return desk.locator("#count-mine")


def owners(tenant) -> list[object]:
    return sorted(str(view.agent_id) for view, _ in selectors.inbox(tenant.pk, limit=9))


def test_offers_a_refusal_a_lost_agent_and_a_takeover(open_page, site, tenant, agent, workers):
    bob, cleo = (
        agent("bob", "Bob Berger", online=False),
        agent("cleo", "Cleo Camenzind", online=False),
    )
    agents.create_agent(tenant.pk, AgentTerms(user="ada", name="Ada Aeby"))
    at_bobs = sit_down(open_page(), site, "bob")
    at_cleos = sit_down(open_page(), site, "cleo")
    for name in ("Anna", "Bruno", "Carla"):
        ask(tenant, name, f"It is {name}.", owner="queue")
    workers()
    # The pages hear of the offers one by one: who has two is certain only when all three are there.
    wait_until(lambda: offers(at_bobs).count() + offers(at_cleos).count() == 3)
    shoot(at_bobs, "desk-offer-light", whole=False)
    assert at_bobs.evaluate(CONTRAST) == []

    # Whoever was offered two refuses one with the keyboard; the other one gets it.
    two, one = (at_bobs, at_cleos) if offers(at_bobs).count() == 2 else (at_cleos, at_bobs)
    expect(offers(two)).to_have_count(2)
    two.locator("#talk-none").click()
    two.keyboard.press("d")
    expect(offers(two)).to_have_count(1)
    workers()
    expect(offers(one)).to_have_count(2)
    for desk, count in ((two, 1), (one, 2)):
        for done in range(count):
            offers(desk).first.get_by_role("button", name="Accept").click()
            expect(offers(desk)).to_have_count(count - done - 1)
        workers()
        expect(mine(desk)).to_have_text(str(count))
    (alone, busy) = (bob, cleo) if two is at_bobs else (cleo, bob)
    assert owners(tenant) == sorted([str(alone.pk), str(busy.pk), str(busy.pk)])

    # One connection is lost; after the grace the conversation is offered to the other, and comes along.
    two.context.close()

    def is_gone():
        workers()
        agents.look_after(tenant.pk, alone.pk)
        return Agent.objects.get(pk=alone.pk).status == "offline"

    wait_until(is_gone)
    workers()
    offers(one).first.get_by_role("button", name="Accept").click()
    expect(offers(one)).to_have_count(0)
    workers()
    expect(mine(one)).to_have_text("3")

    # A supervisor sees it on the floor and takes one over.
    supervisor = sit_down(open_page(), site, "ada")
    supervisor.goto(f"{site}/desk/supervision/")
    expect(supervisor.locator("#agents li", has_text=busy.name)).to_contain_text("3 of 3")
    expect(supervisor.locator("#agents li", has_text=alone.name)).to_contain_text("Offline")
    supervisor.get_by_role("link", name="Follow Anna").click()
    expect(supervisor.locator("#talk-name")).to_have_text("Anna")
    expect(supervisor.get_by_text("It is Anna.").last).to_be_visible()
    supervisor.get_by_label("Whisper to the agent").check()
    supervisor.locator("#text").fill("Offer her a call.")
    supervisor.keyboard.press("Enter")
    expect(one.locator("#toast")).to_contain_text("Offer her a call.")
    supervisor.get_by_role("button", name="Take over").click()
    expect(supervisor.locator("#talk-facts")).to_contain_text("yours")
    expect(mine(one)).to_have_text("2")
    supervisor.locator("#text").fill("Hello Anna, it is Ada now.")
    supervisor.keyboard.press("Enter")
    expect(supervisor.locator(".line.mine")).to_have_attribute(
        "data-status", re.compile("sent|delivered")
    )
    shoot(supervisor, "desk-taken-over", whole=False)
