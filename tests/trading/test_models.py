"""What the database itself refuses, whoever writes."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from apps.tenants.models import Tenant
from apps.trading.models import ClientAccount, Instrument
from tests.trading.cast import ask, book, fold, list_instrument, open_account, query

COPY_TRADE = """
INSERT INTO trading_trade (id, tenant_id, version_no, account_id, instrument_id, side, quantity,
    price, notional, currency, fees, state, trade_date, executed_at, booked_at, source)
SELECT gen_random_uuid(), {tenant_id}, 1, {account_id}, {instrument_id}, {side}, {quantity},
    {price}, {notional}, {currency}, '[]', {state}, trade_date, executed_at, booked_at, source
FROM trading_trade
"""
SAME = {
    name: name
    for name in ("tenant_id", "account_id", "instrument_id", "side", "quantity", "price",
                 "notional", "currency", "state")
}  # fmt: skip


@pytest.fixture
def scene(tenant: Tenant, account: ClientAccount, instrument: Instrument) -> int:
    """A tenant with a folded trade, and a refused one."""
    book(tenant.pk, ask(), ask(quantity="0"))
    fold()
    return tenant.pk


def refused(sql: str, *params: object) -> str:
    """The constraint that refuses a statement."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        query(sql, *params)
    cause = caught.value.__cause__
    return str(cause.diag.constraint_name)  # type: ignore[union-attr] # psycopg's own


class TestAppendOnly:
    @pytest.mark.parametrize(
        ("table", "guard"),
        [
            ("trading_trade", "trades_are_append_only"),
            ("trading_rejectedtrade", "rejections_are_append_only"),
            ("trading_positionchange", "position_changes_are_append_only"),
        ],
    )
    @pytest.mark.parametrize(
        "verb", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET tenant_id = 9"]
    )
    def test_history_stays(self, scene: int, table: str, guard: str, verb: str) -> None:
        assert refused(verb.format(table)) == guard

    @pytest.mark.parametrize("verb", ["TRUNCATE {}", "UPDATE {} SET status = 200"])
    def test_answers_stay(self, scene: int, verb: str) -> None:
        assert refused(verb.format("trading_idempotencykey")) == "answers_are_kept"

    def test_a_statement_that_would_change_nothing_is_refused_too(self, scene: int) -> None:
        assert refused("DELETE FROM trading_trade WHERE false") == "trades_are_append_only"

    def test_a_rebuild_may_replace_the_history_but_not_edit_it(self, scene: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lockstep.rebuilding = 'on'")
            guard = refused("UPDATE trading_positionchange SET quantity = 1")
            assert guard == "position_changes_are_append_only"
            cursor.execute("DELETE FROM trading_positionchange")


class TestIdentity:
    @pytest.mark.parametrize(
        ("table", "column", "value", "guard"),
        [
            ("clientaccount", "number", "'X'", "account_keeps_its_identity"),
            ("clientaccount", "tenant_id", "tenant_id + 1", "account_keeps_its_identity"),
            ("clientaccount", "cost_method", "'fifo'", "account_keeps_its_identity"),
            ("instrument", "symbol", "'X'", "instrument_keeps_its_identity"),
            ("instrument", "multiplier", "2", "instrument_keeps_its_identity"),
            ("instrument", "inverse", "true", "instrument_keeps_its_identity"),
            ("instrument", "currency", "'EUR'", "instrument_keeps_its_identity"),
        ],
    )
    def test_what_trades_point_to_keeps_its_identity(
        self, scene: int, table: str, column: str, value: str, guard: str
    ) -> None:
        assert refused(f"UPDATE trading_{table} SET {column} = {value}") == guard

    @pytest.mark.parametrize(
        ("table", "guard"),
        [
            ("clientaccount", "accounts_are_kept"),
            ("instrument", "instruments_are_kept"),
            ("counterparty", "counterparties_are_kept"),
        ],
    )
    def test_what_trades_point_to_stays(self, scene: int, table: str, guard: str) -> None:
        assert refused(f"DELETE FROM trading_{table}") == guard
        assert refused(f"TRUNCATE trading_{table} CASCADE") == guard

    @pytest.mark.parametrize("column", ["account_id", "instrument_id"])
    def test_a_trade_names_what_its_tenant_has(
        self, scene: int, other: Tenant, column: str
    ) -> None:
        theirs = {
            "account_id": open_account(other.pk).pk,
            "instrument_id": list_instrument(other.pk).pk,
        }
        for wrong in (f"'{theirs[column]}'::uuid", "gen_random_uuid()"):
            guard = refused(COPY_TRADE.format(**SAME | {column: wrong}))
            assert guard == "trade_names_what_its_tenant_has"

    @pytest.mark.parametrize(("column", "value"), [("tenant_id", "9999"), ("currency", "'EUR'")])
    def test_a_trade_is_of_its_accounts_tenant_and_in_its_instruments_currency(
        self, scene: int, column: str, value: str
    ) -> None:
        guard = refused(COPY_TRADE.format(**SAME | {column: value}))
        assert guard == "trade_names_what_its_tenant_has"


BAD_AMOUNTS = [
    "'NaN'",
    "'Infinity'",
    "'-Infinity'",
    "1e20",
    "-1e20",
    "1e-19",
    "1.0000000000000000001",
]


class TestAmounts:
    @pytest.mark.parametrize("amount", [*BAD_AMOUNTS, "0", "-1"])
    @pytest.mark.parametrize("column", ["quantity", "price", "notional"])
    def test_of_trades_are_positive_finite_and_in_scale(
        self, scene: int, column: str, amount: str
    ) -> None:
        guard = refused(COPY_TRADE.format(**SAME | {column: f"{amount}::numeric"}))
        assert guard == "trade_amounts_are_positive"

    @pytest.mark.parametrize("amount", BAD_AMOUNTS)
    @pytest.mark.parametrize("column", ["quantity", "cost", "realised_pnl", "fees"])
    def test_of_positions_are_finite_and_in_scale(
        self, scene: int, column: str, amount: str
    ) -> None:
        guard = refused(f"UPDATE trading_position SET {column} = {amount}::numeric")
        assert guard in {"position_amounts_fit", "flat_position_costs_nothing"}

    @pytest.mark.parametrize(
        "change",
        [
            "quantity = 0",
            "quantity = 0, cost = 1",
            "cost = -1",
            "quantity = -1",
            "quantity = 0, cost = 0, lots = '[]'",
        ],
    )
    def test_of_a_position_agree(self, scene: int, change: str) -> None:
        query("UPDATE trading_position SET lots = '[]'")
        guard = refused(f"UPDATE trading_position SET {change}")
        assert guard == "flat_position_costs_nothing"

    @pytest.mark.parametrize("amount", [*BAD_AMOUNTS, "0", "-1"])
    def test_of_terms_are_positive(self, scene: int, amount: str) -> None:
        for column in ("max_order_notional", "max_gross_exposure"):
            guard = refused(f"UPDATE trading_clientaccount SET {column} = {amount}::numeric")
            assert guard == "account_limits_are_positive"
        for column in ("lot_size", "tick_size", "price_band"):
            guard = refused(f"UPDATE trading_instrument SET {column} = {amount}::numeric")
            assert guard == "instrument_terms_are_positive"
        guard = refused(
            f"UPDATE trading_instrument SET last_price = {amount}, last_price_at = now()"
        )
        assert guard == "last_price_is_positive_and_dated"

    def test_a_price_has_its_time(self, scene: int) -> None:
        assert refused("UPDATE trading_instrument SET last_price = 5, last_price_at = NULL") == (
            "last_price_is_positive_and_dated"
        )


def test_words_are_known(scene: int) -> None:
    assert refused(COPY_TRADE.format(**SAME | {"side": "'hold'"})) == "trade_side_is_known"
    assert refused(COPY_TRADE.format(**SAME | {"state": "'odd'"})) == "trade_state_is_known"
    assert refused("UPDATE trading_clientaccount SET status = 'odd'") == "account_status_is_known"
    assert refused("UPDATE trading_instrument SET status = 'odd'") == "instrument_status_is_known"
    assert (
        refused("UPDATE trading_instrument SET settlement_days = 99") == "settlement_days_are_sane"
    )


def test_an_external_id_is_booked_once_per_source(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask(external_id="F-1"))
    columns = (
        "tenant_id, version_no, account_id, instrument_id, side, quantity, price, notional,"
        " currency, fees, state, trade_date, executed_at, booked_at, source, external_id"
    )
    with pytest.raises(IntegrityError, match="trade_is_booked_once_per_source"):
        query(
            f"INSERT INTO trading_trade (id, {columns}) SELECT gen_random_uuid(), {columns}"
            " FROM trading_trade"
        )
