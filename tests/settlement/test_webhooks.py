"""What somebody outside hears of settlements: the facts of the log, as docs/operations.md shows them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.settlement.clearing.protocol import NoticeKind, Outcome
from apps.webhooks import services as webhooks
from tests.settlement.cast import Market, drive, hear, settle_down, settlement_of, settlements_of
from tests.settlement.clearing import ClearingHouse
from tests.webhooks.receiver import Receiver


@pytest.fixture
def listener(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_PRIVATE = True
    with Receiver() as receiver:
        yield receiver


def told(listener: Receiver) -> dict[str, dict[str, Any]]:
    """What the listener was told by now, by type."""
    webhooks.collect()
    webhooks.call_due(seconds=5)
    return {one.told["type"]: one.told for one in listener.heard}


def test_settled_failed_and_for_a_person_are_told_outside(
    market: Market, house: ClearingHouse, listener: Receiver
) -> None:
    webhooks.add_endpoint(market.tenant, url=listener.url, patterns=["settlement.settlement.*"])
    good, bad = market.trade(), market.trade(side="sell", quantity="7")
    settle_down()
    house.says.extend([Outcome.ACCEPTED, Outcome.REJECTED])
    drive()
    (settled,) = [one for one in settlements_of([good, bad]) if one.state == "instructed"]
    hear(market, house.confirm(settled.instruction_id))
    hear(market, house.tell("nobody-knows", NoticeKind.SETTLED))

    heard = told(listener)
    assert set(heard) == {
        "settlement.settlement.settled",
        "settlement.settlement.failed",
        "settlement.settlement.needs_attention",
    }
    body = heard["settlement.settlement.settled"]
    assert {"id", "type", "version", "topic", "partition", "offset", "key", "data"} <= set(body)
    assert body["topic"] == "settlement"
    found = settlement_of(settled.trade_id)
    data = body["data"]
    amounts = [Decimal(data.pop(name)) for name in ("quantity", "open_quantity", "amount")]
    assert amounts == [found.quantity, 0, found.quantity * 50]
    assert datetime.fromisoformat(data.pop("settled_at")) == found.settled_at
    assert data == {
        "settlement_id": str(found.pk),
        "trade_id": str(found.trade_id),
        "account_id": str(market.account.pk),
        "account_number": "ACC-1",
        "kind": "settlement",
        "symbol": "XYZ",
        "movement": found.movement,
        "currency": "USD",
        "due_on": str(found.due_on),
        "by_hand": False,
    }
