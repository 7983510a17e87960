"""The checks of `verify`: silent on a sound database, loud on each kind of damage."""

import pytest
from django.db import connection

from apps.tenants.models import Tenant
from apps.trading.invariants import INVARIANTS
from tests.trading.cast import ask, book, fold, list_instrument, open_account, query


@pytest.fixture
def scene(tenant: Tenant, other: Tenant) -> Tenant:
    """Two tenants with trades of every kind, all folded."""
    for number in (tenant.pk, other.pk):
        open_account(number)
        open_account(number, "ACC-2", cost_method="fifo")
        list_instrument(number)
        list_instrument(number, "INV", kind="future", currency="BTC", inverse=True)
        for account in ("ACC-1", "ACC-2"):
            for symbol in ("XYZ", "INV"):
                terms = {"account": account, "instrument": symbol}
                book(number, ask(**terms), ask(**terms, side="sell", quantity="30", price="53"),
                     ask(**terms, side="sell", quantity="90", price="47"),
                     ask(**terms, quantity="0"))  # fmt: skip
    fold()
    return tenant


def broken(tenant: int | None) -> list[str]:
    """Names of the checks that find something, without their first word."""
    found = [check(tenant) for check in INVARIANTS]
    assert all(bool(one.failures) is not one.ok for one in found)
    return [one.name.removeprefix("trading: ") for one in found if not one.ok]


def damage(sql: str) -> None:
    """Change what the triggers would refuse, as a stranger with the superuser's password could."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql)
        assert cursor.rowcount > 0
        cursor.execute("SET session_replication_role = origin")


def test_a_sound_database_passes(scene: Tenant) -> None:
    assert broken(None) == broken(scene.pk) == []
    assert [check(scene.pk).checked for check in INVARIANTS] == [4, 4, 4, 12, 0, 12, 12, 16]
    assert [check(None).checked for check in INVARIANTS] == [8, 8, 8, 24, 0, 24, 24, 32]


SUM, CASH, NEWEST, TOLD, TERMS, PASSED, KEYS = (
    "a position is the sum of its trades",
    "realised profit and open cost are what was paid (I6)",
    "a position is its newest change",
    "every trade is told exactly once",
    "every version of a trade is as it was told",
    "every trade that was passed is in a position",
    "every answered key has its outcome",
)
ONE = "WHERE tenant_id = {tenant} AND ctid = (SELECT min(ctid) FROM {table} WHERE tenant_id = {tenant})"


@pytest.mark.parametrize(
    ("table", "change", "expected"),
    [
        ("trading_position", "UPDATE {table} SET quantity = quantity - 1", [SUM, NEWEST]),
        ("trading_position", "UPDATE {table} SET version = version + 1", [SUM, NEWEST]),
        ("trading_position", "UPDATE {table} SET realised_pnl = realised_pnl + 1", [CASH, NEWEST]),
        ("trading_position", "UPDATE {table} SET fees = 1", [NEWEST]),
        ("trading_position", "DELETE FROM {table}", [NEWEST]),
        ("trading_trade", "UPDATE {table} SET quantity = quantity + 1", [SUM, TERMS]),
        ("trading_trade", "UPDATE {table} SET notional = notional + 1", [CASH, TERMS]),
        ("trading_trade", "UPDATE {table} SET price = price + 1", [TERMS]),
        ("trading_trade", "UPDATE {table} SET fees = '[]', executed_at = now()", [TERMS]),
        ("trading_trade", "DELETE FROM {table}", [SUM, CASH, TOLD, KEYS]),
        ("trading_positionchange", "DELETE FROM {table}", [SUM, CASH, PASSED]),
        ("trading_rejectedtrade", "DELETE FROM {table}", [KEYS]),
    ],
)
def test_damage_is_found(
    scene: Tenant, other: Tenant, table: str, change: str, expected: list[str]
) -> None:
    where = ONE.format(tenant=scene.pk, table=table)
    damage(f"{change.format(table=table)} {where}")
    assert broken(scene.pk) == broken(None) == expected
    assert broken(other.pk) == []


def test_an_event_told_twice_or_never_is_found(scene: Tenant) -> None:
    columns = "topic, partition, id, tenant_id, key, name, version, data, headers, occurred_at, recorded_at"
    damage(
        f"""INSERT INTO events_event ("offset", {columns})
            SELECT "offset" + 1000000, {columns} FROM events_event
            WHERE name = 'trading.trade.executed' AND tenant_id = {scene.pk} LIMIT 1"""
    )
    assert broken(scene.pk) == [TOLD]
    damage(
        f"DELETE FROM events_event WHERE name = 'trading.trade.executed' AND tenant_id = {scene.pk}"
    )
    assert broken(scene.pk) == [TOLD]
    query("UPDATE events_partition SET floor = 1 WHERE topic = 'trade' AND number = 0")
    assert broken(scene.pk) == []  # retention took them: their absence says nothing


def test_trades_that_no_handler_has_passed_are_no_fault(
    scene: Tenant,
) -> None:
    book(scene.pk, ask())
    assert broken(scene.pk) == []
