"""What a stranger with the password tries: every attack is refused, by the rule that it breaks.

All of it is raw SQL, because the guards are the database's, not the application's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from apps.core.ids import uuid7
from apps.ledger.models import Asset, Balance, JournalEntry, LedgerAccount, Posting
from apps.tenants.models import Tenant
from tests.ledger.cast import make_draft, post, refused, sql
from tests.ledger.conftest import Scene

HEADER = """
INSERT INTO ledger_journalentry (id, tenant_id, kind, source, reverses_id, owner, trade_id,
                                 partition, leg_count, effective_at, booked_at)
VALUES (%(id)s, %(tenant)s, %(kind)s, %(source)s, %(reverses)s, NULL, NULL, %(partition)s,
        %(leg_count)s, %(booked_at)s, %(booked_at)s)
"""
LEG = "(%(id)s, {number}, {account}, '{asset}', '{amount}', {booked_at}, {tenant})"


@dataclass
class Forgery:
    """An entry as a stranger would write it; without changes it is a good one."""

    scene: Scene
    legs: list[tuple[int, str, str]] = field(default_factory=list)
    """Account id, asset, amount."""
    header: dict[str, Any] = field(default_factory=dict)
    table: str = "ledger_posting"
    leg_time: str = "%(booked_at)s"
    leg_tenant: int | None = None
    numbers: list[int] | None = None

    def write(self) -> UUID:
        """Header and legs, in one transaction."""
        with transaction.atomic():
            uid = self.write_header()
            self.write_legs(uid)
        return uid

    def write_header(self) -> UUID:
        self.values = {
            "id": uuid7(),
            "tenant": self.scene.tenant.pk,
            "kind": "FEE",
            "source": f"forged:{uuid7()}",
            "reverses": None,
            "partition": 0,
            "leg_count": len(self._legs()),
            "booked_at": self.scene.entry.booked_at + timedelta(seconds=1),
        } | self.header
        sql(HEADER, self.values)
        return UUID(str(self.values["id"]))

    def write_legs(self, uid: UUID) -> None:
        numbers = self.numbers or list(range(1, len(self._legs()) + 1))
        tenant = self.leg_tenant or self.scene.tenant.pk
        rows = [
            LEG.format(number=number, account=account, asset=asset, amount=amount,
                       booked_at=self.leg_time, tenant=tenant)
            for number, (account, asset, amount) in zip(numbers, self._legs(), strict=True)
        ]  # fmt: skip
        sql(f"INSERT INTO {self.table} VALUES {', '.join(rows)}", self.values | {"id": uid})

    def _legs(self) -> list[tuple[int, str, str]]:
        return self.legs or [(self.scene.cash, "USD", "5"), (self.scene.nostro, "USD", "-5")]


def contents() -> tuple[Any, ...]:
    """Everything that an attack might change."""
    return tuple(
        sorted(map(str, model.objects.values()))
        for model in (JournalEntry, Posting, Balance, LedgerAccount)
    )


@contextmanager
def nothing_changes() -> Iterator[None]:
    before = contents()
    yield
    assert contents() == before


def test_a_good_entry_by_raw_sql_is_booked(scene: Scene) -> None:
    Forgery(scene).write()
    assert sql("SELECT amount, version FROM ledger_balance WHERE ledger_account_id = %s",
               [scene.cash]) == [(105, 2)]  # fmt: skip


AMOUNTS = {
    "NaN": ("NaN", "posting_amount_is_finite_and_below_1e20"),
    "Infinity": ("Infinity", "posting_amount_is_finite_and_below_1e20"),
    "minus Infinity": ("-Infinity", "posting_amount_is_finite_and_below_1e20"),
    "1e20": ("1e20", "posting_amount_is_finite_and_below_1e20"),
    "minus 1e20": ("-1e20", "posting_amount_is_finite_and_below_1e20"),
    "zero": ("0", "posting_amount_is_not_zero"),
    "minus zero": ("-0.0", "posting_amount_is_not_zero"),
    "a 13th decimal of a dollar": ("0.0000000000001", "posting_is_within_its_assets_scale"),
    "18 decimals of a dollar": ("1e-18", "posting_is_within_its_assets_scale"),
}


@pytest.mark.parametrize(("amount", "rule"), AMOUNTS.values(), ids=AMOUNTS)
def test_an_amount_is_refused_on_both_sides(scene: Scene, amount: str, rule: str) -> None:
    other = amount.removeprefix("-") if amount.startswith("-") else f"-{amount}"
    legs = [(scene.cash, "USD", amount), (scene.nostro, "USD", "NaN" if amount == "NaN" else other)]
    with nothing_changes(), refused(rule):
        Forgery(scene, legs=legs).write()


def test_postgresql_does_not_round_an_amount_to_make_it_fit(scene: Scene) -> None:
    legs = [(scene.cash, "USD", "0.000000000001"), (scene.nostro, "USD", "-0.000000000001")]
    uid = Forgery(scene, legs=legs).write()
    amounts = sql("SELECT amount::text FROM ledger_posting WHERE entry_id = %s ORDER BY leg", [uid])
    assert amounts == [("0.000000000001",), ("-0.000000000001",)]


def test_trailing_zeros_are_no_decimals(scene: Scene) -> None:
    legs = [(scene.cash, "USD", "1." + "0" * 18), (scene.nostro, "USD", "-1")]
    uid = Forgery(scene, legs=legs).write()
    amounts = Posting.objects.filter(entry_id=uid).values_list("amount", flat=True)
    assert sorted(amounts) == [Decimal(-1), Decimal(1)]


FORGERIES: dict[str, tuple[Callable[[Scene], Forgery], str]] = {
    "a cent created": (
        lambda s: Forgery(s, legs=[(s.cash, "USD", "5"), (s.nostro, "USD", "-4.99")]),
        "entry_balances_per_asset",
    ),
    "dollars against euros": (
        lambda s: Forgery(s, legs=[(s.cash, "USD", "5"), (s.nostro, _euros(s), "-5")]),
        "entry_balances_per_asset",
    ),
    "one leg, announced": (
        lambda s: Forgery(s, legs=[(s.cash, "USD", "5")]),
        "entry_has_at_least_two_legs",
    ),
    "one leg of two": (
        lambda s: Forgery(s, legs=[(s.cash, "USD", "5")], header={"leg_count": 2}),
        "entry_comes_with_all_its_legs",
    ),
    "three legs of two": (
        lambda s: Forgery(
            s,
            legs=[(s.cash, "USD", "5"), (s.nostro, "USD", "-4"), (_house(s, "TAX"), "USD", "-1")],
            header={"leg_count": 2},
        ),
        "entry_comes_with_all_its_legs",
    ),
    "a leg beyond the count": (
        lambda s: Forgery(s, numbers=[1, 3]),
        "entry_comes_with_all_its_legs",
    ),
    "a leg number of zero": (lambda s: Forgery(s, numbers=[0, 1]), "posting_leg_counts_from_one"),
    "a negative count of legs": (
        lambda s: Forgery(s, header={"leg_count": -2}),
        "entry_has_at_least_two_legs",
    ),
    "legs of another time": (
        lambda s: Forgery(s, leg_time="%(booked_at)s + interval '1 month'"),
        "posting_has_its_entrys_time",
    ),
    "legs of another tenant": (
        lambda s: Forgery(s, leg_tenant=_rival().pk),
        "posting_has_its_entrys_tenant",
    ),
    "another tenant's account": (
        lambda s: Forgery(s, legs=[(_rivals_account(), "USD", "5"), (s.nostro, "USD", "-5")]),
        "posting_is_on_its_tenants_account",
    ),
    "an account that nobody has": (
        lambda s: Forgery(s, legs=[(999_999, "USD", "5"), (s.nostro, "USD", "-5")]),
        "posting_is_on_its_tenants_account",
    ),
    "an asset that nobody declared": (
        lambda s: Forgery(s, legs=[(s.cash, "MOON", "5"), (s.nostro, "MOON", "-5")]),
        "posting_is_in_its_tenants_asset",
    ),
    "a source that is booked": (
        lambda s: Forgery(s, header={"source": s.entry.source}),
        "source_is_booked_once",
    ),
    "no source": (lambda s: Forgery(s, header={"source": ""}), "entry_has_a_source"),
    "a kind that does not exist": (
        lambda s: Forgery(s, header={"kind": "GIFT"}),
        "entry_kind_is_known",
    ),
    "a time of infinity": (
        lambda s: Forgery(s, header={"booked_at": "infinity"}),
        "entry_times_are_finite",
    ),
    "a partition that does not exist": (
        lambda s: Forgery(s, header={"partition": 64}),
        "entry_partition_exists",
    ),
    "unbalanced legs written into this month's table": (
        lambda s: Forgery(s, legs=[(s.cash, "USD", "5"), (s.nostro, "USD", "-4")], table=s.month),
        "entry_balances_per_asset",
    ),
    "half the legs written into this month's table": (
        lambda s: Forgery(s, legs=[(s.cash, "USD", "5")], header={"leg_count": 2}, table=s.month),
        "entry_comes_with_all_its_legs",
    ),
}


def _euros(scene: Scene) -> str:
    return Asset.objects.create(tenant=scene.tenant, code="EUR", kind="currency", scale=12).code


def _house(scene: Scene, code: str) -> int:
    return LedgerAccount.objects.create(tenant=scene.tenant, code=code, kind="house").pk


def _rival() -> Tenant:
    return Tenant.objects.get_or_create(slug="rival", defaults={"name": "Rival"})[0]


def _rivals_account() -> int:
    return LedgerAccount.objects.get_or_create(
        tenant=_rival(), code="CASH:SETTLED", kind="client", owner=UUID(int=9)
    )[0].pk


@pytest.mark.parametrize(("forge", "rule"), FORGERIES.values(), ids=FORGERIES)
def test_a_forged_entry_is_refused(
    scene: Scene, forge: Callable[[Scene], Forgery], rule: str
) -> None:
    forgery = forge(scene)
    with nothing_changes(), refused(rule):
        forgery.write()


def test_a_posting_without_an_entry_is_refused(scene: Scene) -> None:
    forgery = Forgery(scene)
    with nothing_changes(), refused("posting_has_an_entry"):
        forgery.values = {"booked_at": scene.entry.booked_at}
        forgery.write_legs(uuid7())


def test_entries_of_two_partitions_in_one_statement_are_refused(scene: Scene) -> None:
    def write_together() -> None:
        with transaction.atomic():
            one, other = Forgery(scene), Forgery(scene, header={"partition": 1})
            ids = [one.write_header(), other.write_header()]
            legs = [
                f"('{uid}', {number}, {account}, 'USD', {amount}, %(booked_at)s, {scene.tenant.pk})"
                for uid in ids
                for number, account, amount in ((1, scene.cash, 5), (2, scene.nostro, -5))
            ]
            sql(f"INSERT INTO ledger_posting VALUES {', '.join(legs)}", one.values)

    with nothing_changes(), refused("statement_books_one_partition"):
        write_together()


def test_an_account_named_twice_for_one_asset_is_refused(scene: Scene) -> None:
    legs = [(scene.cash, "USD", "5"), (scene.cash, "USD", "-5")]
    with nothing_changes(), pytest.raises(DatabaseError, match="unique constraint"):
        Forgery(scene, legs=legs).write()


class TestLegsAddedLater:
    def test_to_a_booked_entry_are_refused(self, scene: Scene) -> None:
        tax, penalty = _house(scene, "TAX"), _house(scene, "PENALTY")
        legs = [(tax, "USD", "5"), (penalty, "USD", "-5")]
        forgery = Forgery(scene, legs=legs, numbers=[3, 4])
        forgery.values = {"booked_at": scene.entry.booked_at}
        with nothing_changes(), refused("entry_comes_with_all_its_legs"):
            forgery.write_legs(scene.entry.id)

    def test_under_numbers_that_are_taken_are_refused(self, scene: Scene) -> None:
        forgery = Forgery(scene, legs=[(_house(scene, "TAX"), "USD", "5"),
                                       (_house(scene, "PENALTY"), "USD", "-5")])  # fmt: skip
        forgery.values = {"booked_at": scene.entry.booked_at}
        with nothing_changes(), pytest.raises(DatabaseError, match="unique constraint"):
            forgery.write_legs(scene.entry.id)

    def test_in_a_second_statement_of_the_same_transaction_are_refused(self, scene: Scene) -> None:
        def write_one_by_one() -> None:
            with transaction.atomic():
                forgery = Forgery(scene)
                uid = forgery.write_header()
                for number, leg in enumerate(forgery._legs(), 1):
                    forgery.legs, forgery.numbers = [leg], [number]
                    forgery.write_legs(uid)

        with nothing_changes(), refused("entry_comes_with_all_its_legs"):
            write_one_by_one()


class TestAHeaderWithoutPostings:
    def test_is_refused_at_the_commit(self, scene: Scene) -> None:
        with nothing_changes(), refused("entry_has_its_postings"):
            Forgery(scene).write_header()

    def test_is_refused_also_where_constraints_are_set_immediate(self, scene: Scene) -> None:
        def hurry() -> None:
            with transaction.atomic():
                sql("SET CONSTRAINTS ALL IMMEDIATE")
                Forgery(scene).write_header()

        with nothing_changes(), refused("entry_has_its_postings"):
            hurry()

    def test_is_refused_also_behind_a_temporary_table_of_postings(self, scene: Scene) -> None:
        def shadow() -> None:
            with transaction.atomic():
                sql("CREATE TEMPORARY TABLE ledger_posting (LIKE public.ledger_posting) "
                    "ON COMMIT DROP")  # fmt: skip
                forgery = Forgery(scene, table="pg_temp.ledger_posting")
                forgery.write_legs(forgery.write_header())

        with nothing_changes(), refused("entry_has_its_postings"):
            shadow()


CHANGES = {
    "a posting's amount": "UPDATE ledger_posting SET amount = amount * 2",
    "a posting through its month": "UPDATE {month} SET amount = amount * 2",
    "both legs through their month": "UPDATE {month} SET amount = amount * 2 WHERE leg IN (1, 2)",
    "a posting's account": "UPDATE ledger_posting SET ledger_account_id = {nostro}",
    "legs moved to another entry": "UPDATE ledger_posting SET entry_id = gen_random_uuid()",
    "nothing at all": "UPDATE ledger_posting SET amount = 1 WHERE false",
    "an upsert of a leg": (
        "INSERT INTO {month} SELECT * FROM {month} "
        "ON CONFLICT (entry_id, leg, booked_at) DO UPDATE SET amount = 7"
    ),
    "a merge of a leg": (
        "MERGE INTO {month} p USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET amount = 7"
    ),
    "postings deleted": "DELETE FROM ledger_posting",
    "a month's postings deleted": "DELETE FROM {month}",
    "the default table's postings deleted": "DELETE FROM ledger_posting_default",
    "postings truncated": "TRUNCATE ledger_posting",
    "a month truncated": "TRUNCATE {month}",
    "the default table truncated": "TRUNCATE ledger_posting_default",
    "an entry's source": "UPDATE ledger_journalentry SET source = 'mine'",
    "an entry's time": "UPDATE ledger_journalentry SET effective_at = now()",
    "an entry deleted": "DELETE FROM ledger_journalentry",
    "entries truncated": "TRUNCATE ledger_journalentry",
    "everything truncated": "TRUNCATE ledger_journalentry, ledger_posting, ledger_balance CASCADE",
    "a ledger account deleted": "DELETE FROM ledger_ledgeraccount",
    "ledger accounts truncated": "TRUNCATE ledger_ledgeraccount CASCADE",
    "an asset's scale": "UPDATE ledger_asset SET scale = 18",
    "an asset deleted": "DELETE FROM ledger_asset",
    "an update while triggers stand aside": (
        "SET LOCAL session_replication_role = replica; UPDATE ledger_posting SET amount = 1"
    ),
    "a delete while triggers stand aside": (
        "SET LOCAL session_replication_role = replica; DELETE FROM {month}"
    ),
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_what_is_booked_is_never_changed(scene: Scene, statement: str) -> None:
    def attack() -> None:
        with transaction.atomic():
            sql(statement.format(month=scene.month, nostro=scene.nostro))

    with nothing_changes(), refused("journal_is_append_only"):
        attack()


BY_HAND = {
    "a balance raised": "UPDATE ledger_balance SET amount = amount + 1",
    "a balance made up": (
        "INSERT INTO ledger_balance VALUES ({cash}, 'EUR', 0, 5, 1, now(), now())"
    ),
    "balances deleted": "DELETE FROM ledger_balance",
    "balances truncated": "TRUNCATE ledger_balance",
    "a mark made up": (
        "INSERT INTO ledger_balancemark (ledger_account_id, asset, booked_at, amount) "
        "VALUES ({cash}, 'USD', now(), 5)"
    ),
    "marks deleted": "DELETE FROM ledger_balancemark",
    "marks truncated": "TRUNCATE ledger_balancemark",
    "a balance raised while triggers stand aside": (
        "SET LOCAL session_replication_role = replica; UPDATE ledger_balance SET amount = 0"
    ),
}


@pytest.mark.parametrize("statement", BY_HAND.values(), ids=BY_HAND)
def test_balances_are_never_written_by_hand(scene: Scene, statement: str) -> None:
    def attack() -> None:
        with transaction.atomic():
            sql(statement.format(cash=scene.cash))

    with nothing_changes(), refused("balances_follow_postings"):
        attack()


IDENTITY = {
    "another owner": "owner = gen_random_uuid()",
    "another code": "code = 'TAX'",
    "another tenant": "tenant_id = (SELECT id FROM tenants_tenant WHERE slug = 'rival')",
    "another number": "id = id + 1000",
    "the house": "kind = 'house', owner = NULL",
}


@pytest.mark.parametrize("change", IDENTITY.values(), ids=IDENTITY)
def test_a_ledger_account_does_not_become(scene: Scene, change: str) -> None:
    _rival()
    with nothing_changes(), refused("account_keeps_its_identity"):
        sql(f"UPDATE ledger_ledgeraccount SET {change} WHERE id = %s", [scene.cash])


def test_a_client_account_is_not_opened_twice(scene: Scene) -> None:
    with refused("ledger_account_is_opened_once"):
        sql("INSERT INTO ledger_ledgeraccount (tenant_id, code, owner, owner_number, kind, "
            "may_be_negative, may_be_positive) SELECT tenant_id, code, owner, '', kind, true, true "
            "FROM ledger_ledgeraccount")  # fmt: skip


class TestReversals:
    def _reversal(self, scene: Scene, **header: Any) -> Forgery:
        legs = [(scene.cash, "USD", "-100"), (scene.nostro, "USD", "100")]
        given = {"kind": "REVERSAL", "reverses": scene.entry.id}
        return Forgery(scene, legs=legs, header=given | header)

    def test_that_is_exact_is_booked(self, scene: Scene) -> None:
        self._reversal(scene).write()
        sums = sql("SELECT sum(amount) FROM ledger_balance GROUP BY ledger_account_id")
        assert sums == [(0,), (0,)]

    def test_of_one_entry_happen_once(self, scene: Scene) -> None:
        self._reversal(scene).write()
        with nothing_changes(), refused("entry_is_reversed_once"):
            self._reversal(scene).write()

    def test_are_not_reversed(self, scene: Scene) -> None:
        first = self._reversal(scene).write()
        again = self._reversal(scene, reverses=first)
        again.legs = [(scene.cash, "USD", "100"), (scene.nostro, "USD", "-100")]
        with nothing_changes(), refused("reversal_is_not_reversed"):
            again.write()

    @pytest.mark.parametrize(
        "amounts", [("-99", "99"), ("100", "-100")], ids=["a smaller one", "the same again"]
    )
    def test_negate_the_amounts(self, scene: Scene, amounts: tuple[str, str]) -> None:
        forged = self._reversal(scene)
        forged.legs = [(scene.cash, "USD", amounts[0]), (scene.nostro, "USD", amounts[1])]
        with nothing_changes(), refused("reversal_negates_every_leg"):
            forged.write()

    def test_are_on_the_same_accounts(self, scene: Scene) -> None:
        forged = self._reversal(scene)
        forged.legs = [(scene.cash, "USD", "-100"), (_house(scene, "SUSPENSE"), "USD", "100")]
        with nothing_changes(), refused("reversal_negates_every_leg"):
            forged.write()

    def test_do_not_add_legs_of_their_own(self, scene: Scene) -> None:
        forged = self._reversal(scene)
        tax, penalty = _house(scene, "TAX"), _house(scene, "PENALTY")
        forged.legs += [(tax, "USD", "1"), (penalty, "USD", "-1")]
        with nothing_changes(), refused("reversal_negates_every_leg"):
            forged.write()

    def test_are_not_booked_before_their_entry(self, scene: Scene) -> None:
        early = scene.entry.booked_at - timedelta(days=1)
        with nothing_changes(), refused("reversal_follows_its_entry"):
            self._reversal(scene, booked_at=early).write()

    def test_name_an_entry_that_there_is(self, scene: Scene) -> None:
        with nothing_changes(), refused("reversal_names_an_entry"):
            self._reversal(scene, reverses=uuid7()).write()

    def test_stay_within_their_tenant(self, scene: Scene) -> None:
        theirs = post(make_draft(_rival().pk))[0]
        with nothing_changes(), refused("reversal_names_an_entry"):
            self._reversal(scene, reverses=theirs.id).write()

    def test_are_called_reversals(self, scene: Scene) -> None:
        with nothing_changes(), refused("reversals_and_only_they_reverse"):
            self._reversal(scene, kind="FEE").write()

    def test_do_not_reverse_themselves(self, scene: Scene) -> None:
        uid = uuid7()
        with nothing_changes(), refused("entry_reverses_another"):
            self._reversal(scene, id=uid, reverses=uid).write()


class TestLimits:
    def test_of_an_account_hold_for_raw_sql_too(self, scene: Scene) -> None:
        sql("UPDATE ledger_ledgeraccount SET may_be_negative = false WHERE id = %s", [scene.cash])
        legs = [(scene.cash, "USD", "-100.01"), (scene.nostro, "USD", "100.01")]
        with nothing_changes(), refused("account_may_not_be_negative"):
            Forgery(scene, legs=legs).write()

    def test_of_an_account_let_it_come_back(self, scene: Scene) -> None:
        Forgery(scene, legs=[(scene.cash, "USD", "-150"), (scene.nostro, "USD", "150")]).write()
        sql("UPDATE ledger_ledgeraccount SET may_be_negative = false WHERE id = %s", [scene.cash])
        Forgery(scene, legs=[(scene.cash, "USD", "20"), (scene.nostro, "USD", "-20")]).write()
        assert sql(
            "SELECT sum(amount) FROM ledger_balance WHERE ledger_account_id = %s", [scene.cash]
        ) == [(-30,)]

    def test_are_for_owned_accounts_only(self, scene: Scene) -> None:
        with nothing_changes(), refused("only_owned_accounts_have_limits"):
            sql("UPDATE ledger_ledgeraccount SET may_be_negative = false WHERE id = %s",
                [scene.nostro])  # fmt: skip


def test_copy_goes_through_the_gate_too(scene: Scene) -> None:
    def copy() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            forgery = Forgery(scene)
            uid = forgery.write_header()
            with cursor.copy("COPY ledger_posting FROM STDIN") as stream:
                for number, account, amount in ((1, scene.cash, "5"), (2, scene.nostro, "-4")):
                    at, tenant = forgery.values["booked_at"], scene.tenant.pk
                    stream.write_row((uid, number, account, "USD", amount, at, tenant))

    with nothing_changes(), pytest.raises(psycopg.Error) as caught:
        copy()
    assert caught.value.diag.constraint_name == "entry_balances_per_asset"
