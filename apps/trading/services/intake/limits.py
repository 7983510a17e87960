"""Limits that earlier trades count against: gross exposure, orders per second.

The accounts are locked before this is loaded, and all trades of a limited account pass here: so
what is counted is exact, however many send at once.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO, plain
from apps.trading.events import Reason
from apps.trading.selectors import Holding, gross_exposure, holdings_of
from apps.trading.services.intake.references import AccountRef, InstrumentRef

# Reads at most as many rows as the limit allows, newest first.
RECENT: Final = """
SELECT u.account, (
    SELECT count(*) FROM (
        SELECT t.booked_at FROM trading_trade t WHERE t.account_id = u.account
        ORDER BY t.id DESC LIMIT u.most
    ) AS newest WHERE newest.booked_at > %s - interval '1 second')
FROM unnest(%s::uuid[], %s::bigint[]) AS u (account, most)
"""


class Limits:
    """What limited accounts hold and did lately, counting on as a chunk goes through."""

    def __init__(self, accounts: Collection[AccountRef], now: datetime, *, paced: bool) -> None:
        """Load what counts; `paced` is off for files of past trades, which no one sent just now."""
        bounded = {one.id for one in accounts if one.max_gross_exposure is not None}
        hurried = {one.id: one.max_orders_per_second for one in accounts} if paced else {}
        pace = {uid: most for uid, most in hurried.items() if most is not None}
        self._holdings: dict[tuple[UUID, UUID], Holding] = {}
        self._exposure: dict[tuple[UUID, str], Decimal] = {}
        self._recent = _recent(pace, now) if pace else {}
        for one in holdings_of(sorted(bounded)) if bounded else ():
            self._holdings[one.account_id, one.instrument_id] = one
        for uid in bounded:
            held = [one for one in self._holdings.values() if one.account_id == uid]
            for currency, total in gross_exposure(held).items():
                self._exposure[uid, currency] = total

    def faults(
        self, account: AccountRef, instrument: InstrumentRef, quantity: Decimal, price: Decimal
    ) -> Iterator[Reason]:
        """Every limit that a trade (quantity signed) would break."""
        if account.max_gross_exposure is not None:
            before, after = self._exposures(account, instrument, quantity, price)
            # What lowers the exposure is never refused for it.
            if after > account.max_gross_exposure and after > before:
                detail = (
                    f"Gross exposure would be {plain(after)} {instrument.currency}, above the"
                    f" account's limit of {plain(account.max_gross_exposure)}."
                )
                yield Reason(field="quantity", code="gross_exposure_limit", detail=detail)
        most = account.max_orders_per_second
        if most is not None and self._recent.get(account.id, 0) >= most:
            detail = f"The account may trade {most} times a second."
            yield Reason(field="account", code="order_rate_limit", detail=detail)

    def take(
        self, account: AccountRef, instrument: InstrumentRef, quantity: Decimal, price: Decimal
    ) -> None:
        """Count a trade that is booked."""
        if account.id in self._recent:
            self._recent[account.id] += 1
        if account.max_gross_exposure is None:
            return
        _, after = self._exposures(account, instrument, quantity, price)
        held = self._held(account, instrument)
        self._exposure[account.id, instrument.currency] = after
        self._holdings[account.id, instrument.id] = Holding(
            account.id,
            instrument.id,
            instrument.currency,
            instrument.terms,
            instrument.last_price or price,
            held.quantity + quantity,
            held.book,
        )

    def _exposures(
        self, account: AccountRef, instrument: InstrumentRef, quantity: Decimal, price: Decimal
    ) -> tuple[Decimal, Decimal]:
        """The account's exposure in the instrument's currency, before and after."""
        held = self._held(account, instrument)
        known = self._exposure.get((account.id, instrument.currency), ZERO)
        others = known - held.value() if held.quantity else known
        before = others + held.value(price=price)
        return before, others + held.value(held.quantity + quantity, price)

    def _held(self, account: AccountRef, instrument: InstrumentRef) -> Holding:
        return self._holdings.get((account.id, instrument.id)) or Holding(
            account.id,
            instrument.id,
            instrument.currency,
            instrument.terms,
            instrument.last_price,
            ZERO,
            ZERO,
        )


def _recent(pace: dict[UUID, int], now: datetime) -> dict[UUID, int]:
    with connection.cursor() as cursor:
        cursor.execute(RECENT, [now, list(pace), list(pace.values())])
        return dict(cursor.fetchall())
