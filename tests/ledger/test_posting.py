"""Posting: idempotent per source, all or nothing, told once, in few statements."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.ids import uuid7
from apps.events.services import unit_of_work
from apps.ledger import selectors, services
from apps.ledger.exceptions import (
    AlreadyReversed,
    AmountRefused,
    BalanceLimitReached,
    EntryRefused,
    NotReversible,
    SourceTaken,
    Unbalanced,
)
from apps.ledger.journal import BookedEntry, Code, Kind, Leg, entry_for_trade, reversal_of
from apps.ledger.models import Asset, JournalEntry, LedgerAccount, Posting
from apps.tenants.models import Tenant
from tests.ledger.cast import (
    ACCOUNT,
    leg_texts,
    make_draft,
    make_fee,
    make_trade,
    post,
    sql,
)

SEEN = (
    "SELECT name, key, data FROM events_event WHERE topic = 'ledger' ORDER BY partition, \"offset\""
)


class TestPostEntries:
    def test_books_a_trade_as_its_heart_says(self, tenant: Tenant) -> None:
        fees = (make_fee("commission", "5.00"), make_fee("exchange", "0.25"))
        draft = entry_for_trade(make_trade(fees=fees), tenant=tenant.pk)
        booked = post(draft)[0]
        shown = selectors.entry(tenant.pk, booked.id)
        assert [(leg.account, leg.owner, leg.asset, leg.amount) for leg in shown.legs] == [
            (leg.code, leg.owner, leg.asset, leg.amount) for leg in draft.legs
        ]
        assert (shown.kind, shown.source, shown.trade) == ("TRADE", draft.source, draft.trade_id)
        assert shown.booked_at == booked.booked_at

    def test_opens_accounts_and_declares_assets_when_they_are_first_needed(
        self, tenant: Tenant
    ) -> None:
        post(entry_for_trade(make_trade(currency="BTC"), tenant=tenant.pk))
        assert set(LedgerAccount.objects.values_list("code", "owner", "owner_number")) == {
            ("SEC:UNSETTLED", ACCOUNT, "ACC-1"),
            ("CASH:UNSETTLED", ACCOUNT, "ACC-1"),
            ("STREET:SEC:UNSETTLED", None, ""),
            ("STREET:CASH:UNSETTLED", None, ""),
        }
        assert set(Asset.objects.values_list("code", "kind", "scale")) == {
            ("XYZ", "instrument", 18),
            ("BTC", "currency", 18),
        }

    def test_books_a_source_once(self, tenant: Tenant) -> None:
        draft = make_draft(tenant.pk)
        first, again = post(draft)[0], post(draft)[0]
        assert (first.is_new, again.is_new) == (True, False)
        assert (again.id, again.booked_at) == (first.id, first.booked_at)
        assert Posting.objects.count() == 2

    def test_books_a_source_once_that_comes_twice_in_one_call(self, tenant: Tenant) -> None:
        draft = make_draft(tenant.pk)
        first, again = post(draft, draft)
        assert (first.id, first.is_new, again.is_new) == (again.id, True, False)

    def test_books_the_new_beside_the_known(self, tenant: Tenant) -> None:
        known, new = make_draft(tenant.pk), make_draft(tenant.pk)
        post(known)
        assert [one.is_new for one in post(known, new)] == [False, True]

    def test_keeps_sources_of_two_tenants_apart(self, tenant: Tenant, other: Tenant) -> None:
        draft = make_draft(tenant.pk)
        assert [one.is_new for one in post(draft, replace(draft, tenant=other.pk))] == [True, True]

    def test_does_not_mind_the_order_of_legs(self, tenant: Tenant) -> None:
        draft = make_draft(tenant.pk)
        post(draft)
        assert not post(replace(draft, legs=draft.legs[::-1]))[0].is_new

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"kind": Kind.CASH}, "kind"),
            ({"legs": make_draft(0, (Code.CASH_SETTLED, ACCOUNT, "USD", "1"),
                                 (Code.NOSTRO, None, "USD", "-1")).legs}, "legs"),
        ],
        ids=["another kind", "other amounts"],
    )  # fmt: skip
    def test_refuses_a_known_source_with(
        self, tenant: Tenant, change: dict[str, object], field: str
    ) -> None:
        draft = make_draft(tenant.pk)
        post(draft)
        with pytest.raises(SourceTaken) as caught:
            post(replace(draft, **change))
        assert caught.value.facts["field"] == field

    def test_books_all_or_nothing(self, tenant: Tenant) -> None:
        over_scale = make_draft(
            tenant.pk,
            (Code.CASH_SETTLED, ACCOUNT, "USD", "1e-13"),
            (Code.NOSTRO, None, "USD", "-1e-13"),
        )
        with pytest.raises(AmountRefused) as caught:
            post(make_draft(tenant.pk), over_scale)
        assert caught.value.facts["rule"] == "posting_is_within_its_assets_scale"
        assert not JournalEntry.objects.exists()
        assert not LedgerAccount.objects.exists()

    def test_goes_on_after_a_batch_that_opened_accounts_was_rolled_back(
        self, tenant: Tenant
    ) -> None:
        def post_and_fail() -> None:
            with unit_of_work():
                post(make_draft(tenant.pk))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            post_and_fail()
        assert post(make_draft(tenant.pk))[0].is_new

    def test_refuses_in_words_before_the_database_does(self, tenant: Tenant) -> None:
        draft = make_draft(tenant.pk)
        with pytest.raises(Unbalanced):
            post(replace(draft, legs=(*draft.legs, Leg(Code.TAX, None, "USD", Decimal(1)))))

    def test_keeps_an_account_within_its_limits(self, tenant: Tenant) -> None:
        post(make_draft(tenant.pk))
        LedgerAccount.objects.filter(owner=ACCOUNT).update(may_be_negative=False)
        legs = [(Code.CASH_SETTLED, ACCOUNT, "USD", "-101"), (Code.NOSTRO, None, "USD", "101")]
        with pytest.raises(BalanceLimitReached, match="not go where") as caught:
            post(make_draft(tenant.pk, *legs))
        assert "does not allow a negative balance" in str(caught.value.facts["reason"])

    def test_keeps_an_account_within_its_limits_after_every_entry_of_a_batch(
        self, tenant: Tenant
    ) -> None:
        services.open_client_accounts([(tenant.pk, ACCOUNT, "ACC-1")])
        LedgerAccount.objects.filter(owner=ACCOUNT).update(may_be_negative=False)
        down = [(Code.CASH_SETTLED, ACCOUNT, "USD", "-60"), (Code.NOSTRO, None, "USD", "60")]
        with pytest.raises(BalanceLimitReached):
            post(make_draft(tenant.pk, *down), make_draft(tenant.pk))
        post(make_draft(tenant.pk), make_draft(tenant.pk, *down))

    def test_refuses_an_asset_that_is_money_here_and_an_instrument_there(
        self, tenant: Tenant
    ) -> None:
        post(make_draft(tenant.pk))
        with pytest.raises(EntryRefused) as caught:
            post(entry_for_trade(make_trade(symbol="USD", currency="EUR"), tenant=tenant.pk))
        assert caught.value.facts["rule"] == "asset_is_of_one_kind"

    def test_gives_amounts_of_38_digits_back_as_they_came(self, tenant: Tenant) -> None:
        amount = "99999999999999999999.999999999999"
        legs = [
            (Code.CASH_SETTLED, ACCOUNT, "USD", amount),
            (Code.NOSTRO, None, "USD", f"-{amount}"),
        ]
        booked = post(make_draft(tenant.pk, *legs))[0]
        shown = selectors.entry(tenant.pk, booked.id)
        assert leg_texts(
            Leg(leg.account, leg.owner, leg.asset, leg.amount) for leg in shown.legs
        ) == [("CASH:SETTLED", "USD", amount), ("NOSTRO", "USD", f"-{amount}")]

    @pytest.mark.parametrize(
        "text", ['say "hi"', "back\\slash", "{a,b}", "NULL", " ", "ünï", "'; --"]
    )
    def test_takes_any_text_as_it_is(self, tenant: Tenant, text: str) -> None:
        booked = post(make_draft(tenant.pk, source=text, owner_number=text))[0]
        assert JournalEntry.objects.get(pk=booked.id).source == text
        assert LedgerAccount.objects.get(owner=ACCOUNT).owner_number == text

    def test_of_nothing_does_nothing(self, tenant: Tenant) -> None:
        assert services.post_entries([], partition=0) == []


class TestBalances:
    def test_of_the_house_are_kept_per_partition_and_of_clients_in_one_row(
        self, tenant: Tenant
    ) -> None:
        post(make_draft(tenant.pk), partition=3)
        post(make_draft(tenant.pk), partition=5)
        rows = sql(
            """SELECT a.code, b.partition, b.amount, b.version FROM ledger_balance b
               JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id ORDER BY 1, 2"""
        )
        assert rows == [
            ("CASH:SETTLED", 0, 200, 2),
            ("NOSTRO", 3, -100, 1),
            ("NOSTRO", 5, -100, 1),
        ]


class TestReversals:
    def booked(self, tenant: Tenant) -> BookedEntry:
        draft = entry_for_trade(make_trade(), tenant=tenant.pk)
        one = post(draft)[0]
        return BookedEntry(one.id, one.booked_at, draft)

    def test_return_every_balance_to_zero(self, tenant: Tenant) -> None:
        post(reversal_of(self.booked(tenant)))
        assert {one.amount for one in selectors.balances(tenant.pk, ACCOUNT)} == {Decimal(0)}

    def test_asked_for_twice_are_one(self, tenant: Tenant) -> None:
        entry = self.booked(tenant)
        first, again = post(reversal_of(entry))[0], post(reversal_of(entry))[0]
        assert (again.id, again.is_new) == (first.id, False)

    def test_follow_their_entry_when_the_clock_was_set_back(self, tenant: Tenant) -> None:
        entry = self.booked(tenant)
        undone = post(reversal_of(entry), at=entry.booked_at - timedelta(hours=1))[0]
        assert undone.booked_at == entry.booked_at

    def test_under_another_source_are_refused(self, tenant: Tenant) -> None:
        entry = self.booked(tenant)
        post(reversal_of(entry))
        with pytest.raises(AlreadyReversed):
            post(replace(reversal_of(entry), source="again"))

    def test_of_what_was_never_booked_are_refused(self, tenant: Tenant) -> None:
        entry = self.booked(tenant)
        with pytest.raises(NotReversible):
            post(replace(reversal_of(entry), reverses=uuid7()))


class TestTelling:
    def test_is_one_fact_per_client_for_all_that_was_booked(self, tenant: Tenant) -> None:
        second = UUID(int=5)
        drafts = [
            make_draft(tenant.pk),
            make_draft(tenant.pk, owner=second, owner_number="B"),
            make_draft(tenant.pk),
            make_draft(tenant.pk, owner=None),
        ]
        ids = [one.id for one in post(*drafts)]
        told = {key: data for name, key, data in sql(SEEN) if name == "ledger.entries.posted"}
        assert set(told) == {str(ACCOUNT), str(second)}
        assert str(ids[0]) in told[str(ACCOUNT)]
        assert str(ids[2]) in told[str(ACCOUNT)]
        assert str(ids[1]) in told[str(second)]

    def test_does_not_repeat_what_was_known(self, tenant: Tenant) -> None:
        draft = make_draft(tenant.pk)
        post(draft)
        post(draft)
        assert len(sql(SEEN)) == 1


def test_a_batch_takes_as_many_statements_as_one_entry(tenant: Tenant) -> None:
    post(*(entry_for_trade(make_trade(), tenant=tenant.pk) for _ in range(2)))
    counts = []
    for size in (1, 200):
        drafts = [entry_for_trade(make_trade(), tenant=tenant.pk) for _ in range(size)]
        with CaptureQueriesContext(
            connection,
        ) as caught:
            post(*drafts)
        counts.append(len(caught))
    # begin · assets · accounts · entries · postings · log · commit
    assert counts[0] == counts[1] <= 7
