"""Cancel and amend: versions of a trade, keys, refusals, and what they make of positions."""

import random
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.core.ids import uuid7
from apps.core.money import scale_of
from apps.events.contracts import decode, partition_of
from apps.events.services import replay
from apps.tenants.models import Tenant
from apps.trading import invariants, selectors, services
from apps.trading.events import TradeAmended, TradeCancelled
from apps.trading.exceptions import IdempotencyKeyInFlight, TradeIsCancelled, UnknownTrade
from apps.trading.models import ClientAccount, Instrument, RejectedTrade, TradeRevision
from apps.trading.positions import FLAT, Fill, Terms, Told, effective_fills
from apps.trading.positions import replay as replay_fills
from apps.trading.selectors.exposure import FOLDER, holdings_of
from apps.trading.services import FeeRequest, Outcome, Revision
from tests.trading.cast import (
    CLIENT,
    ask,
    book,
    codes,
    fold,
    held,
    in_threads,
    list_instrument,
    open_account,
    query,
)

D = Decimal


def revision(trade: object, **terms: Any) -> Revision:
    given = {"reason": "wrong", "key": str(uuid4())}
    return Revision(trade=str(trade), **given | terms)


def cancel(tenant: int, trade: object, **terms: Any) -> Outcome:
    return services.cancel_trade(tenant, CLIENT, revision(trade, **terms), now=timezone.now())


def amend(tenant: int, trade: object, **terms: Any) -> Outcome:
    return services.amend_trade(tenant, CLIENT, revision(trade, **terms), now=timezone.now())


def one(tenant: int, **terms: Any) -> Any:
    (outcome,) = book(tenant, ask(**terms))
    assert outcome.trade is not None, outcome.error
    return outcome.trade


def facts(name: str) -> list[Any]:
    rows = query("SELECT name, version, data::text FROM events_event WHERE name = %s", name)
    return [decode(*row) for row in rows]


def ok() -> list[str]:
    return [text for check in invariants.INVARIANTS for text in check(None).failures]


def test_a_cancelled_trade_counts_as_never_dealt(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    trade = one(tenant.pk, quantity="100", fees=[("commission", "1")])
    fold()
    outcome = cancel(tenant.pk, trade.id)
    assert (outcome.status, outcome.replayed) == (201, False)
    found = selectors.find_trade(tenant.pk, str(trade.id))
    assert (found.state, found.version, found.reason) == ("cancelled", 2, "wrong")
    assert query("SELECT state, version_no, quantity FROM trading_trade") == [("executed", 1, 100)]
    (fact,) = facts("trading.trade.cancelled")
    assert isinstance(fact, TradeCancelled)
    assert (fact.trade_id, fact.version_no, fact.quantity) == (trade.id, 2, 100)
    fold()
    assert held(account)["XYZ"] == (0, 0, 0, 0, 2)
    assert ok() == []


def test_an_amended_trade_counts_as_dealt_so(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    trade = one(tenant.pk, quantity="100", price="50")
    one(tenant.pk, side="sell", quantity="40", price="60")
    fold()
    assert held(account)["XYZ"][:3] == (60, 3000, 400)
    fees = (FeeRequest(kind="exchange", amount="2.50"),)
    outcome = amend(tenant.pk, trade.id, quantity=D(80), price=D(55), fees=fees)
    assert outcome.trade is not None
    assert (outcome.trade.version, outcome.trade.notional, outcome.trade.state) == (
        2, 4400, "amended",
    )  # fmt: skip
    (fact,) = facts("trading.trade.amended")
    assert isinstance(fact, TradeAmended)
    assert (fact.quantity, fact.previous.quantity, fact.executed_at) == (80, 100, trade.executed_at)
    assert [holding.quantity for holding in holdings_of([account.pk])] == [40]
    fold()
    assert held(account)["XYZ"] == (40, 2200, 200, D("2.5"), 3)
    assert [holding.quantity for holding in holdings_of([account.pk])] == [40]
    amend(tenant.pk, trade.id, price=D(56))
    cancel(tenant.pk, trade.id)
    fold()
    assert held(account)["XYZ"][:3] == (-40, -2400, 0)
    assert [row.version for row in selectors.trades(tenant.pk, after=None, limit=9)] == [1, 4]
    assert ok() == []


def test_pages_by_state(tenant: Tenant, account: ClientAccount, instrument: Instrument) -> None:
    plain, amended, cancelled = (one(tenant.pk).id for _ in range(3))
    amend(tenant.pk, amended, quantity=D(1))
    amend(tenant.pk, cancelled, quantity=D(1))
    cancel(tenant.pk, cancelled)
    for state, trade in (("executed", plain), ("amended", amended), ("cancelled", cancelled)):
        rows = selectors.trades(tenant.pk, after=None, limit=9, state=state)
        assert [(row.id, row.state) for row in rows] == [(trade, state)]
    assert selectors.trades(tenant.pk, after=None, limit=9, state="nonsense") == []


def test_a_key_is_answered_once(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    trade = one(tenant.pk)
    first = amend(tenant.pk, trade.id, key="a", quantity=D(7))
    amend(tenant.pk, trade.id, key="b", quantity=D(8))
    again = amend(tenant.pk, trade.id, key="a", quantity=D("7.0"))
    assert again.replayed
    assert (again.status, again.trade) == (201, first.trade)
    other = amend(tenant.pk, trade.id, key="a", quantity=D(9))
    assert codes(other) == [("quantity", "differs")]
    refused = amend(tenant.pk, trade.id, key="c", quantity=D(-1))
    assert (refused.status, codes(refused)) == (422, [("quantity", "not_positive")])
    once_more = amend(tenant.pk, trade.id, key="c", quantity=D(-1))
    assert once_more.replayed
    assert codes(once_more) == codes(refused)
    assert RejectedTrade.objects.for_tenant(tenant).count() == 1
    cancelled = cancel(tenant.pk, trade.id, key="a")
    assert (cancelled.status, cancelled.replayed) == (201, False)
    second = cancel(tenant.pk, trade.id, key="z", reason="again")
    assert (second.status, second.replayed, second.trade) == (200, True, cancelled.trade)
    assert TradeRevision.objects.for_tenant(tenant).count() == 3
    assert ok() == []


def test_refuses_what_does_not_fit(tenant: Tenant, other: Tenant, account: ClientAccount) -> None:
    list_instrument(tenant.pk, lot_size=D(10), tick_size=D("0.5"), price_band=D(10))
    services.change_account(tenant.pk, "ACC-1", {"max_order_notional": D(9_000)})
    trade = one(tenant.pk, quantity="100", price="50")
    assert codes(amend(tenant.pk, trade.id, quantity=D(15), price=D("50.2"))) == [
        ("quantity", "off_lot"), ("price", "off_tick"),
    ]  # fmt: skip
    assert codes(amend(tenant.pk, trade.id, quantity=D(200))) == [
        ("quantity", "order_notional_limit")
    ]
    assert codes(amend(tenant.pk, trade.id, quantity=D(100))) == [("quantity", "no_change")]
    for who, uid in ((tenant.pk, uuid7()), (other.pk, trade.id), (tenant.pk, "nonsense")):
        with pytest.raises(UnknownTrade):
            cancel(who, uid)
    cancel(tenant.pk, trade.id)
    with pytest.raises(TradeIsCancelled):
        amend(tenant.pk, trade.id, quantity=D(10))


def test_many_cancel_at_once(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    trade = one(tenant.pk)
    keys = ["same", "same", "same", "x", "y", "z"]
    results = in_threads([lambda key=key: cancel(tenant.pk, trade.id, key=key) for key in keys])
    assert not [
        found for found in results if not isinstance(found, Outcome | IdempotencyKeyInFlight)
    ]
    made = [found for found in results if isinstance(found, Outcome) and not found.replayed]
    assert [found.status for found in made] == [201]
    assert query("SELECT version_no, state FROM trading_traderevision") == [(2, "cancelled")]
    assert len(facts("trading.trade.cancelled")) == 1


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ("version_no = 3", "revisions_follow_one_another"),
        ("reason = ''", "revision_has_a_reason"),
        ("state = 'executed'", "revision_state_is_known"),
        ("quantity = 'NaN'", "revision_amounts_are_positive"),
        ("tenant_id = %(other)s", "revision_names_what_its_tenant_has"),
    ],
)
def test_the_database_refuses(
    columns: str,
    rule: str,
    tenant: Tenant,
    other: Tenant,
    account: ClientAccount,
    instrument: Instrument,
) -> None:
    trade = one(tenant.pk)
    column, value = columns.split(" = ")
    row = {
        "version_no": "2", "reason": "'x'", "state": "'amended'", "quantity": "1",
        "tenant_id": str(tenant.pk), column: value % {"other": other.pk},
    }  # fmt: skip
    with pytest.raises(IntegrityError) as caught, connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO trading_traderevision ({", ".join(row)}, id, trade_id, price, notional,
                    fees, client, booked_at)
                VALUES ({", ".join(row.values())}, gen_random_uuid(), '{trade.id}', 1, 1, '[]', 'x',
                    now())"""
        )
    assert rule in str(caught.value.__cause__.diag.constraint_name)  # type: ignore[union-attr] # psycopg's


def test_nothing_follows_a_cancellation_and_nothing_is_edited(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    trade = one(tenant.pk)
    cancel(tenant.pk, trade.id)
    for statement in (
        """INSERT INTO trading_traderevision SELECT gen_random_uuid(), 3, 'amended', 1, 1, 1, '[]',
           'x', 'x', now(), tenant_id, trade_id FROM trading_traderevision""",
        "UPDATE trading_traderevision SET reason = 'y'",
        "DELETE FROM trading_traderevision",
        "TRUNCATE trading_traderevision",
    ):
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("method", ["average", "fifo"])
@pytest.mark.parametrize("seed", range(2))
def test_any_revisions_in_any_batches_make_what_the_effective_fills_make(
    seed: int, method: str, tenant: Tenant
) -> None:
    """Exact undo: the position is what the trades that count make, folded from nothing."""
    dice = random.Random(seed)
    account = open_account(tenant.pk, cost_method=method)
    list_instrument(tenant.pk, kind="future", currency="BTC", inverse=True, multiplier=D(10)) if (
        seed % 2
    ) else list_instrument(tenant.pk)
    partition = partition_of(str(account.pk))
    fills: dict[Any, Fill | None] = {}
    for _ in range(50):
        if fills and dice.random() < 0.4:
            trade = dice.choice(list(fills))
            if fills[trade] is not None:
                _revise(tenant.pk, trade, dice, fills)
        else:
            made = one(
                tenant.pk,
                side=dice.choice(("buy", "sell")),
                quantity=str(D(dice.randint(1, 500)) / 10),
                price=str(D(dice.randint(100, 9_999)) / 100),
                fees=[("commission", "0.01")] * dice.randint(0, 1),
            )
            fills[made.id] = _as_fill(made)
        if dice.random() < 0.3:
            fold(partition)
    fold(partition)
    inverse = bool(seed % 2)
    scale = scale_of("BTC" if inverse else "USD")
    terms = Terms(D(10) if inverse else D(1), inverse, method, scale)
    wanted = replay_fills([fill for fill in fills.values() if fill is not None], terms)
    assert held(account)["XYZ"][:4] == (
        wanted.quantity, wanted.cost, wanted.realised_pnl, wanted.fees,
    )  # fmt: skip
    assert ok() == []
    assert replay(FOLDER).ok
    for trade, fill in fills.items():
        if fill is not None:
            cancel(tenant.pk, trade)
    fold(partition)
    assert held(account)["XYZ"][:4] == (0, 0, 0, 0)
    assert replay(FOLDER).ok


def _revise(tenant: int, trade: Any, dice: random.Random, fills: dict[Any, Fill | None]) -> None:
    if dice.random() < 0.4:
        cancel(tenant, trade)
        fills[trade] = None
        return
    terms = {"quantity": D(dice.randint(1, 500)) / 10, "price": D(dice.randint(100, 9_999)) / 100}
    outcome = amend(tenant, trade, **terms)
    if outcome.trade is not None:
        fills[trade] = _as_fill(outcome.trade)


def _as_fill(trade: Any) -> Fill:
    quantity = trade.quantity if trade.side == "buy" else -trade.quantity
    return Fill(quantity, trade.price, trade.notional, sum((f.amount for f in trade.fees), D(0)))


def test_over_http(
    tenant: Tenant, account: ClientAccount, instrument: Instrument, api: APIClient
) -> None:
    trade = one(tenant.pk)
    path = f"/api/v1/trades/{trade.id}"

    def post(what: str, body: Any, key: str | None) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return api.post(f"{path}/{what}", body, format="json", headers=headers)

    assert post("cancellation", {"reason": "x"}, None).status_code == 400
    assert post("cancellation", {}, "k").status_code == 400
    assert post("amendment", {"reason": "x"}, "k").status_code == 400
    assert post("amendment", {"reason": "x", "quantity": 1.5}, "k").status_code == 400
    amended = post("amendment", {"reason": "typo", "quantity": "90",
                                 "fees": [{"kind": "tax", "amount": "1"}]}, "k")  # fmt: skip
    assert (amended.status_code, amended.json()["version"]) == (201, 2)
    assert amended.json()["fees"] == [{"kind": "tax", "amount": "1", "currency": "USD"}]
    again = post("amendment", {"reason": "typo", "quantity": "90",
                               "fees": [{"kind": "tax", "amount": "1"}]}, "k")  # fmt: skip
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (amended.json(), "true")
    done = post("cancellation", {"reason": "not ours"}, "c")
    assert (done.status_code, done.json()["state"], done.json()["reason"]) == (
        201, "cancelled", "not ours",
    )  # fmt: skip
    assert api.get(path).json() == done.json()
    refused = post("amendment", {"reason": "x", "quantity": "1"}, "d")
    assert (refused.status_code, refused.json()["code"]) == (409, "trade_is_cancelled")
    unknown = api.post(f"/api/v1/trades/{uuid7()}/cancellation", {"reason": "x"}, format="json",
                       headers={"Idempotency-Key": "e"})  # fmt: skip
    assert unknown.status_code == 404


def test_effective_fills_are_the_newest_of_each_place() -> None:
    fill, other = Fill(D(1), D(1), D(1)), Fill(D(2), D(1), D(2))
    told = [Told(1, 1, fill), Told(2, 2, fill), Told(3, 1, other), Told(4, 2, None)]
    assert effective_fills(reversed(told)) == [other]
    assert replay_fills([], Terms(D(1), False, "fifo", 2)) == FLAT
