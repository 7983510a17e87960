"""The page of language understanding: for members, drawn from the API, in a real browser."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from apps.nlu.facade.plan import Answer, Attempt
from apps.nlu.interpretation import Interpretation, unknown
from apps.nlu.models import Provider
from apps.nlu.services import recording
from apps.nlu.services.recording import Asked
from apps.tenants.models import Membership, Tenant, User
from tests.web.browsing import CHROMIUM, shoot, sign_in, sticks_out
from tests.web.test_settlements_page import config_of


def test_a_stranger_signs_in_first(transactional_db: None, client: Client) -> None:
    answer = client.get("/nlu/")
    assert (answer.status_code, answer["Location"][:9]) == (302, "/sign-in/")


@pytest.mark.parametrize("role", ["owner", "agent", "auditor"])
def test_every_member_sees_it(signed_in: Client, person: User, role: str) -> None:
    Membership.objects.filter(user=person).update(role=role)
    page = signed_in.get("/nlu/")
    told = config_of(page.content.decode())

    assert page.status_code == 200
    assert 'href="/nlu/" aria-current="page">Understanding<' in page.content.decode()
    assert told == {"figures": "/api/v1/nlu/figures"}
    assert signed_in.get(str(told["figures"])).status_code == 200


@pytest.mark.browser
@pytest.mark.processes
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")
def test_providers_and_turns_are_drawn_and_narrowed(
    transactional_db: None, open_page: Callable[..., Page], site: str, tenant: Tenant
) -> None:
    Provider.objects.create(tenant=tenant, name="watson", kind="watson", url="https://a.test")
    told = Answer(
        Interpretation(intent="<b>lost</b>", confidence=0.9, provider="cx"),
        [Attempt("watson", "first", 0, 1.2, "timeout"),
         Attempt("cx", "hedge", 0.3, 0.4, "ok", 0.002, won=True)],
    )  # fmt: skip
    recording.record(Asked(tenant.pk, 23, "de"), told, 0.7)
    recording.record(Asked(tenant.pk, 5, "en"), Answer(unknown(degraded=True)), 0.01)
    recording.flush()

    page = sign_in(open_page(), site, path="/nlu/")

    expect(page.locator("#tile-questions")).to_have_text("2")
    expect(page.locator("#tile-degraded")).to_have_text("50.0 %")
    expect(page.locator("#providers tr")).to_have_count(2)
    watson, cx = page.locator("#providers tr").all()
    expect(watson).to_contain_text("closed")
    expect(watson).to_contain_text("1 timeout")
    expect(cx).to_contain_text("1 of 1")
    expect(cx).to_contain_text("0.002")
    expect(page.locator("#turns tr")).to_have_count(2)
    page.get_by_label("That asked").select_option("cx")
    expect(page.locator("#turns tr")).to_have_count(1)
    expect(page.locator("#turns tr")).to_contain_text("<b>lost</b>")
    expect(page.locator("#turns .calls li")).to_have_count(2)
    page.get_by_label("Over the last").select_option("day")
    expect(page.locator("#turns tr")).to_have_count(1)
    shoot(page, "understanding-light")
    phone = sign_in(open_page(width=360, height=740, theme="dark"), site, path="/nlu/")
    expect(phone.locator("#turns tr")).to_have_count(2)
    assert not sticks_out(phone)
    shoot(phone, "understanding-dark-phone")
