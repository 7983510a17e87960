"""The back office sees the ledger and changes nothing of it."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.ledger.journal import BookedEntry, entry_for_trade, reversal_of
from apps.ledger.models import Asset, JournalEntry, LedgerAccount
from apps.tenants.models import Tenant, User
from tests.ledger.cast import ACCOUNT, make_fee, make_trade, post

CHANGELIST = "admin:ledger_journalentry_changelist"


@pytest.fixture
def desk(tenant: Tenant, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def booked(tenant: Tenant) -> BookedEntry:
    trade = make_trade(fees=(make_fee("commission", "5.00"), make_fee("exchange", "0.25")))
    draft = entry_for_trade(trade, tenant=tenant.pk)
    one = post(draft)[0]
    return BookedEntry(one.id, one.booked_at, draft)


def text(desk: Client, name: str, *args: object, **query: object) -> str:
    answer = desk.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_entry_shows_its_legs_as_debits_and_credits(desk: Client, booked: BookedEntry) -> None:
    page = text(desk, "admin:ledger_journalentry_change", booked.id)
    for shown in ("Debit", "Credit", "STREET:CASH:UNSETTLED", "5005.25", "FEE:EXCHANGE", "0.25"):
        assert shown in page


def test_an_entry_leads_to_its_reversal_and_back(desk: Client, booked: BookedEntry) -> None:
    undone = post(reversal_of(booked))[0]
    assert str(undone.id) in text(desk, "admin:ledger_journalentry_change", booked.id)
    assert str(booked.id) in text(desk, "admin:ledger_journalentry_change", undone.id)


@pytest.mark.parametrize("by", ["source", "trade", "owner", "id"])
def test_an_entry_is_found_by_its(desk: Client, booked: BookedEntry, by: str) -> None:
    term = {
        "source": booked.draft.source[:20],
        "trade": booked.draft.trade_id,
        "owner": ACCOUNT,
        "id": booked.id,
    }[by]
    assert str(booked.id) in text(desk, CHANGELIST, q=term)
    assert str(booked.id) not in text(desk, CHANGELIST, q="no such thing")


def test_lists_are_filtered(desk: Client, booked: BookedEntry, tenant: Tenant) -> None:
    assert str(booked.id) in text(
        desk, CHANGELIST, kind__exact="TRADE", tenant__id__exact=tenant.pk
    )
    assert str(booked.id) not in text(desk, CHANGELIST, kind__exact="CASH")


def test_an_account_shows_its_balances(desk: Client, booked: BookedEntry) -> None:
    account = LedgerAccount.objects.get(code="STREET:CASH:UNSETTLED")
    assert "5000" in text(desk, "admin:ledger_ledgeraccount_change", account.pk)
    assert "ACC-1" in text(desk, "admin:ledger_ledgeraccount_changelist", q="ACC-1")


def test_nothing_can_be_added_changed_or_deleted(desk: Client, booked: BookedEntry) -> None:
    for model in (JournalEntry, LedgerAccount, Asset):
        name = f"admin:ledger_{model._meta.model_name}"
        row = model.objects.first()
        assert desk.get(reverse(f"{name}_add")).status_code == 403
        assert desk.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        assert (
            desk.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        )
        assert text(desk, f"{name}_changelist")
