"""The back office: the manual queue, decisions with a reason, and two people for what needs two."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from apps.settlement.clearing.protocol import NoticeKind, Outcome
from apps.settlement.models import ClearingNotice, Settlement
from apps.tenants.models import Tenant, User
from tests.settlement.cast import Market, drive, hear, settle_down, settlement_of
from tests.settlement.clearing import ClearingHouse

LIST = "admin:settlement_settlement_changelist"


def desk_of(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(name, password="x"))
    return client


def act(desk: Client, one: Settlement | ClearingNotice, action: str, reason: str = "a call") -> str:
    where = reverse(f"admin:{one._meta.label_lower.replace('.', '_')}_changelist")
    body = {"action": action, "_selected_action": [one.pk], "reason": reason}
    answer = desk.post(where, body, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def failed(market: Market, house: ClearingHouse) -> Settlement:
    house.says.append(Outcome.REJECTED)
    trade = market.trade()
    settle_down()
    drive()
    return settlement_of(trade)


def test_the_queue_and_a_settlement_with_its_steps(tenant: Tenant, failed: Settlement) -> None:
    desk = desk_of("ann")
    assert "XYZ" in desk.get(reverse(LIST), {"queue": "person"}).content.decode()
    page = desk.get(reverse("admin:settlement_settlement_change", args=[failed.pk]))
    assert "validating → instructing" in page.content.decode()
    assert "XYZ" in desk.get(reverse(LIST), {"q": str(failed.trade_id)}).content.decode()


def test_a_decision_needs_a_reason_and_is_logged(failed: Settlement) -> None:
    desk = desk_of("ann")
    assert "needs a reason" in act(desk, failed, "retry", reason="")
    act(desk, failed, "retry")
    assert settlement_of(failed.trade_id).state == "validating"
    assert "a call" in LogEntry.objects.get().change_message


def test_two_people_settle_by_hand(failed: Settlement) -> None:
    ann, bob = desk_of("ann"), desk_of("bob")
    act(ann, failed, "propose")
    page = bob.get(reverse("admin:settlement_settlement_change", args=[failed.pk]))
    assert "waits for a second person" in page.content.decode()
    assert "second person" in act(ann, failed, "approve")
    assert settlement_of(failed.trade_id).state == "failed"
    act(bob, failed, "approve")
    assert settlement_of(failed.trade_id).state == "settled"


def test_nobody_without_the_right_decides(failed: Settlement) -> None:
    client = Client()
    client.force_login(User.objects.create_user("eve", is_staff=True))
    body = {"action": "retry", "_selected_action": [failed.pk], "reason": "please"}
    assert client.post(reverse(LIST), body).status_code == 403
    assert settlement_of(failed.trade_id).state == "failed"


def test_a_suspended_notice_is_resolved(market: Market, house: ClearingHouse) -> None:
    hear(market, house.tell("nobody-knows", NoticeKind.SETTLED))
    act(desk_of("ann"), ClearingNotice.objects.get(), "resolve")
    assert ClearingNotice.objects.get().state == "resolved"
