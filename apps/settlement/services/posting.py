"""Post what is confirmed: securities and cash in one ledger entry, and the settled units of positions.

The pivot of a settlement. Everything here is one transaction: the ledger's entry, the settlement's
state, the position's settled units and the facts that tell of them; or none of it.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from apps.core.exceptions import DomainError, Unavailable
from apps.core.money import ZERO, exact, scale_of
from apps.ledger import selectors as ledger
from apps.ledger import services as books
from apps.ledger.services import Delivery
from apps.settlement.events import SettlementSettled
from apps.settlement.models import Kind
from apps.settlement.saga import Action, cash_for, facts
from apps.settlement.services.moving import Moves, Record
from apps.settlement.services.returning import open_return
from apps.settlement.services.rows import Row
from apps.trading import services as trading

Moved = dict[tuple[int, UUID, UUID], Decimal]
"""Units by tenant, account, instrument."""


def post(moves: Moves, confirmed: Sequence[Row]) -> None:
    """Post what is pending of these settlements.

    Where the ledger does not have a trade yet it is tried again; what it refuses is a person's.
    """
    known = ledger.booked_sources({_trade_source(one) for one in confirmed})
    ready = []
    for one in confirmed:
        if _trade_source(one) in known:
            ready.append(one)
        else:
            record = Record(
                "post", error="the ledger does not have the trade yet", attempt=one.tries
            )
            moves.tell(one, facts.PostingDelayed(), record)
    if not ready:
        return
    refusal = _book(moves, ready)
    if refusal is None:
        units: Moved = defaultdict(lambda: ZERO)
        for one in ready:
            _settle(moves, one, units)
        trading.settle_units(dict(units))
    elif len(ready) == 1:
        record = Record("post", detail=str(refusal), error=refusal.code)
        moves.tell(ready[0], facts.PostingRefused(), record)
    else:
        for one in ready:  # one by one: the others are not to wait for it
            post(moves, [one])


def _trade_source(one: Row) -> tuple[int, str]:
    return one.tenant_id, f"trade:{one.trade_id}:{one.version_no}"


def _book(moves: Moves, ready: Sequence[Row]) -> DomainError | None:
    """All of them, or none; why not."""
    partition = min(one.partition for one in ready)  # where the house's balances move
    mark = moves.work.mark()
    try:
        with transaction.atomic():
            books.post_deliveries([_delivery(one, moves) for one in ready], partition=partition)
    except DomainError as refusal:
        if isinstance(refusal, Unavailable):
            raise
        moves.work.forget_since(mark)
        return refusal
    return None


def _delivery(one: Row, moves: Moves) -> Delivery:
    return Delivery(
        tenant=one.tenant_id,
        settlement=one.id,
        part=one.parts + 1,
        trade_id=one.trade_id,
        owner=one.account_id,
        owner_number=one.account_number,
        symbol=one.symbol,
        units=signed(one, one.units(one.pending)),
        currency=one.currency,
        cash=signed(one, cash_at_clearing(one)),
        client_cash=clients_cash(one),
        effective_at=moves.now,
    )


def signed(one: Row, amount: Decimal) -> Decimal:
    """An amount as the client sees it: + with what is received."""
    return amount if one.is_receipt else amount.copy_negate()


def cash_at_clearing(one: Row) -> Decimal:
    """The cash of the pending part."""
    return cash_for(
        one.pending,
        of=one.quantity,
        total=one.amount,
        before=one.settled,
        scale=scale_of(one.currency),
    )


def clients_cash(one: Row) -> dict[str, Decimal]:
    """The client's cash of the pending part, per currency."""
    return {
        currency: cash_for(
            one.pending,
            of=one.quantity,
            total=total,
            before=one.settled,
            scale=scale_of(currency),
        )
        for currency, total in one.client_cash.items()
    }


def _settle(moves: Moves, one: Row, units: Moved) -> None:
    quantity, cash = one.pending, cash_at_clearing(one)
    place = (one.tenant_id, one.account_id, one.instrument_id)
    moved = one.units(quantity)
    with exact():
        units[place] += signed(one, moved)
        if one.open_units is not None or one.posted_units is not None:
            before = one.settled if one.posted_units is None else one.posted_units
            one.posted_units = before + moved
    one.move(moved)
    one.parts += 1
    actions = moves.tell(one, facts.Posted(), Record("post", note=f"ledger entry {one.parts}"))
    fact = SettlementSettled(
        settlement_id=one.id,
        trade_id=one.trade_id,
        account_id=one.account_id,
        account_number=one.account_number,
        kind=one.kind,
        symbol=one.symbol,
        movement=one.movement,
        quantity=quantity,
        open_quantity=one.saga.open,
        currency=one.currency,
        amount=cash,
        due_on=one.due_on,
        settled_at=moves.now,
        by_hand=one.by_hand_id is not None,
    )
    moves.work.publish(fact, tenant=one.tenant_id, key=str(one.account_id))
    if Action.RETURN in actions and one.kind == Kind.SETTLEMENT:
        open_return(moves, one)
