"""Positions as of two times: as a report of then said it, however late we learned of more."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.core.ids import uuid7
from apps.core.money import scale_of
from apps.events.contracts import partition_of
from apps.tenants.models import Tenant
from apps.trading import selectors, services
from apps.trading.exceptions import UnknownAccount, UnknownPosition
from apps.trading.models import ClientAccount, Instrument
from apps.trading.positions import FLAT, Fill, Terms, replay
from apps.trading.services import Revision
from tests.trading.cast import CLIENT, ask, book, fold, list_instrument, open_account, query

D = Decimal
DAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def as_of(account: ClientAccount, **times: Any) -> dict[str, tuple[Any, ...]]:
    found = selectors.positions_as_of(account.tenant_id, account.number, **times)
    return {
        view.stored.symbol: (view.stored.quantity, view.stored.cost, view.stored.realised_pnl,
                             view.stored.fees)
        for view in found.positions
    }  # fmt: skip


def now() -> datetime:
    """The database's time, by which facts are known."""
    found = query("SELECT clock_timestamp()")[0][0]
    assert isinstance(found, datetime)
    return found


def test_answers_of_then_do_not_change(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask(quantity="10", price="5", executed_at=str(DAY)))
    book(tenant.pk, ask(quantity="10", price="7", executed_at=str(DAY + 2 * HOUR)))
    fold()
    then = now()
    known = {
        hour: as_of(account, effective=DAY + hour * HOUR, known=then) for hour in (-1, 0, 1, 3)
    }
    assert [one.get("XYZ", (0, 0))[:2] for one in known.values()] == [
        (0, 0), (10, 50), (10, 50), (20, 120),
    ]  # fmt: skip
    # Late: dealt between the two. And a cancellation of the first.
    (late,) = book(tenant.pk, ask(quantity="1", price="6", executed_at=str(DAY + HOUR)))
    first = selectors.trades(tenant.pk, after=None, limit=9)[-1]
    fold()
    assert as_of(account, effective=DAY + HOUR)["XYZ"][:2] == (11, 56)
    cancel(tenant.pk, first.id)
    fold()
    assert as_of(account, effective=DAY + HOUR)["XYZ"][:2] == (1, 6)
    assert as_of(account)["XYZ"][:2] == (11, 76)
    assert as_of(account, known=then)["XYZ"][:2] == (20, 120)
    for hour, answer in known.items():
        assert as_of(account, effective=DAY + hour * HOUR, known=then) == answer
    assert late.trade is not None


def cancel(tenant: int, trade: Any) -> None:
    asked = Revision(trade=str(trade), reason="x", key=str(uuid7()))
    services.cancel_trade(tenant, CLIENT, asked, now=timezone.now())


@pytest.mark.parametrize("method", ["average", "fifo"])
@pytest.mark.parametrize("seed", range(2))
def test_as_of_equals_folding_what_counted_then(seed: int, method: str, tenant: Tenant) -> None:
    """Every answer is what the trades known by then and dealt by then make, from nothing."""
    dice = random.Random(seed)
    account = open_account(tenant.pk, cost_method=method)
    list_instrument(tenant.pk)
    partition = partition_of(str(account.pk))
    told: list[tuple[datetime, Any, datetime, Fill | None]] = []
    live: dict[Any, datetime] = {}
    for step in range(40):
        if live and dice.random() < 0.35:
            trade = dice.choice(list(live))
            dealt = live[trade]
            fill = revise(tenant.pk, trade, dice)
            if fill is None:
                live.pop(trade)
        else:
            back = dice.choice((0, 0, 0, dice.randint(1, step + 1)))
            dealt = DAY + HOUR * (step - back)
            (outcome,) = book(
                tenant.pk,
                ask(side=dice.choice(("buy", "sell")), quantity=str(dice.randint(1, 50)),
                    price=str(D(dice.randint(100, 9_999)) / 100), executed_at=str(dealt),
                    fees=[("commission", "0.01")]),
            )  # fmt: skip
            assert outcome.trade is not None
            trade, fill = outcome.trade.id, fill_of(outcome.trade)
            live[trade] = dealt
        told.append((now(), trade, dealt, fill))
        if dice.random() < 0.4:
            fold(partition)
        if dice.random() < 0.1:
            fold(partition)
            services.take_snapshot(DAY + HOUR * step)
    fold(partition)
    terms = Terms(D(1), False, method, scale_of("USD"))
    for _ in range(60):
        known, effective = dice.choice(told)[0], DAY + HOUR * dice.randint(-1, 41)
        newest = {
            trade: fill for at, trade, dealt, fill in told if at <= known and dealt <= effective
        }
        wanted = replay([fill for fill in newest.values() if fill is not None], terms)
        found = as_of(account, effective=effective, known=known).get("XYZ", (0, 0, 0, 0))
        assert found == (wanted.quantity, wanted.cost, wanted.realised_pnl, wanted.fees)
    assert replay([], terms) == FLAT


def revise(tenant: int, trade: Any, dice: random.Random) -> Fill | None:
    if dice.random() < 0.5:
        cancel(tenant, trade)
        return None
    asked = Revision(trade=str(trade), reason="x", key=str(uuid7()),
                     quantity=D(dice.randint(51, 90)))  # fmt: skip
    outcome = services.amend_trade(tenant, CLIENT, asked, now=timezone.now())
    if outcome.trade is None:  # the very same quantity as before
        return fill_of(selectors.find_trade(tenant, str(trade)))
    return fill_of(outcome.trade)


def fill_of(trade: Any) -> Fill:
    quantity = trade.quantity if trade.side == "buy" else -trade.quantity
    return Fill(quantity, trade.price, trade.notional, sum((f.amount for f in trade.fees), D(0)))


def test_of_other_tenants_and_unknown_things(
    tenant: Tenant, other: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    with pytest.raises(UnknownAccount):
        selectors.positions_as_of(other.pk, str(account.pk))
    with pytest.raises(UnknownPosition):
        selectors.position_as_of(tenant.pk, "ACC-1", "XYZ")


def test_over_http(
    tenant: Tenant, account: ClientAccount, instrument: Instrument, api: APIClient
) -> None:
    book(tenant.pk, ask(quantity="10", price="5", executed_at=str(DAY)))
    fold()
    base = "/api/v1/accounts/ACC-1/positions"

    def get(path: str = "", **query: str) -> Any:
        text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        return api.get(f"{base}{path}?{text}")

    assert get(as_of="2026-03-01T23:00:00Z").json()["results"] == []
    (one,) = get(as_of="2026-03-02T00:00:00Z").json()["results"]
    assert (one["quantity"], one["average_cost"], one["last_price"]) == ("10", "5", None)
    assert get("/XYZ", as_of="2026-03-02T01:00:00+01:00").json()["quantity"] == "10"
    assert get("/XYZ", known_at="2026-03-02T01:00:00Z").status_code == 404
    assert get(known_at="2026-03-02T01:00:00Z").json()["results"] == []
    assert api.get(f"{base}?as_of=2026-03-02T01:00:00+01:00").status_code == 200
    for bad in ("yesterday", "2026-13-01T00:00:00Z", ""):
        assert get(as_of=bad).status_code == 400
    assert get(as_off="2026-03-02T01:00:00Z").status_code == 400
