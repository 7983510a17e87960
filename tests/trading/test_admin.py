"""The back office sees trading, and its buttons call services."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.tenants.models import Tenant, User
from apps.trading.models import ClientAccount, Instrument, Position, RejectedTrade, Trade
from tests.trading.cast import ask, book, fold, open_account


@pytest.fixture
def desk(tenant: Tenant, account: ClientAccount, instrument: Instrument, client: Client) -> Client:
    """Someone who may do everything, before a trade, a refusal and a position."""
    client.force_login(User.objects.create_superuser("boss", password="x"))
    book(tenant.pk, ask(fees=[("tax", "1.50")]), ask(quantity="0", price="-1"))
    fold()
    return client


def text(desk: Client, name: str, *args: object, **filters: object) -> str:
    answer = desk.get(reverse(f"admin:trading_{name}", args=args), filters)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("clientaccount", "ACC-1"),
        ("counterparty", "counterpart"),
        ("instrument", "XYZ"),
        ("trade", "5000"),
        ("rejectedtrade", "quantity: not_positive (and 1 more)"),
        ("position", "5000"),
    ],
)
def test_every_list_opens(desk: Client, model: str, shown: str) -> None:
    assert shown in text(desk, f"{model}_changelist")


def test_every_row_opens(desk: Client, account: ClientAccount, instrument: Instrument) -> None:
    trade, refusal = Trade.objects.get(), RejectedTrade.objects.get()
    assert "1.50" in text(desk, "trade_change", trade.pk)
    page = text(desk, "rejectedtrade_change", refusal.pk)
    assert "A quantity is greater than 0." in page
    assert "A price is greater than 0." in page
    text(desk, "position_change", Position.objects.get().pk)
    text(desk, "clientaccount_change", account.pk)
    text(desk, "instrument_change", instrument.pk)


@pytest.mark.parametrize("model", ["trade", "rejectedtrade", "position"])
def test_rows_are_found(desk: Client, model: str) -> None:
    rows = {"trade": Trade, "rejectedtrade": RejectedTrade, "position": Position}[model]
    terms = ["ACC-1"] if model == "position" else ["ACC-1", str(rows.objects.get().pk)]
    for term in terms:
        assert "ACC-1</" in text(desk, f"{model}_changelist", q=term)
    assert "ACC-1</" not in text(desk, f"{model}_changelist", q="NOBODY")


def test_nothing_can_be_written(desk: Client) -> None:
    trade = Trade.objects.get()
    for name, args in (("trade_add", ()), ("trade_delete", (trade.pk,)), ("clientaccount_add", ())):
        assert desk.get(reverse(f"admin:trading_{name}", args=args)).status_code == 403
    assert desk.post(reverse("admin:trading_trade_change", args=[trade.pk])).status_code == 403


def press(desk: Client, action: str, *rows: ClientAccount) -> str:
    where = reverse("admin:trading_clientaccount_changelist")
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return desk.post(where, form, follow=True).content.decode()


def test_accounts_are_frozen_and_opened_again(
    desk: Client, tenant: Tenant, account: ClientAccount
) -> None:
    second = open_account(tenant.pk, "ACC-2")
    assert "ACC-2 is frozen." in press(desk, "freeze", account, second)
    assert set(ClientAccount.objects.values_list("status", flat=True)) == {"frozen"}
    press(desk, "unfreeze", account)
    account.refresh_from_db()
    assert account.status == "open"


def test_what_cannot_be_is_said(desk: Client, tenant: Tenant) -> None:
    closed = open_account(tenant.pk, "ACC-2")
    ClientAccount.objects.filter(pk=closed.pk).update(status="closed")
    assert "ACC-2: The terms are not acceptable" in press(desk, "unfreeze", closed)


def test_who_may_only_look_has_no_buttons(desk: Client, account: ClientAccount) -> None:
    from django.contrib.auth.models import Permission  # noqa: PLC0415 - for this one

    looker = User.objects.create_user("looker", password="x", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_clientaccount"))
    desk.force_login(looker)
    press(desk, "freeze", account)
    account.refresh_from_db()
    assert account.status == "open"
