"""Accounts, counterparties and instruments by id or natural name."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from apps.core.exceptions import NotFound
from apps.trading.exceptions import UnknownAccount, UnknownCounterparty, UnknownInstrument
from apps.trading.models import ClientAccount, Counterparty, Instrument

IDS_KEPT = 100_000
"""Account ids that a process remembers, about 20 MB."""

M = TypeVar("M", ClientAccount, Counterparty, Instrument)

_ids: dict[tuple[int, str], UUID] = {}
_lock = threading.Lock()


def find_account(tenant: int, name: str) -> ClientAccount:
    """The account of this id or number. Raises `UnknownAccount`."""
    return _find(ClientAccount, "number", tenant, name, UnknownAccount(account=name))


def find_instrument(tenant: int, name: str) -> Instrument:
    """The instrument of this id or symbol. Raises `UnknownInstrument`."""
    return _find(Instrument, "symbol", tenant, name, UnknownInstrument(instrument=name))


def find_counterparty(tenant: int, name: str) -> Counterparty:
    """The counterparty of this id or code. Raises `UnknownCounterparty`."""
    return _find(Counterparty, "code", tenant, name, UnknownCounterparty(counterparty=name))


def accounts(
    tenant: int, *, after: str | None, limit: int, **filters: Any
) -> Sequence[ClientAccount]:
    """Accounts by number, those after a number."""
    return _by_name(ClientAccount, "number", tenant, after, limit, filters)


def known_numbers(tenant: int, numbers: Sequence[str]) -> set[str]:
    """Those of the numbers that accounts bear."""
    found = ClientAccount.objects.for_tenant(tenant).filter(number__in=numbers)
    return set(found.values_list("number", flat=True))


def instruments(
    tenant: int, *, after: str | None, limit: int, **filters: Any
) -> Sequence[Instrument]:
    """Instruments by symbol, those after a symbol."""
    return _by_name(Instrument, "symbol", tenant, after, limit, filters)


def counterparties(
    tenant: int, *, after: str | None, limit: int, **filters: Any
) -> Sequence[Counterparty]:
    """Counterparties by code, those after a code."""
    return _by_name(Counterparty, "code", tenant, after, limit, filters)


@dataclass(frozen=True, slots=True)
class SettlementTerms:
    """How an instrument settles."""

    kind: str
    days: int | None
    """Settlement days after the trade date; None: the market's cycle."""
    calendar: str


def settlement_terms(instruments: Collection[UUID]) -> dict[UUID, SettlementTerms]:
    """How these instruments settle, in one query; for handlers, whose batches span tenants."""
    found = Instrument.objects.filter(pk__in=instruments).values_list(
        "pk", "kind", "settlement_days", "settlement_calendar"
    )
    return {uid: SettlementTerms(kind, days, calendar) for uid, kind, days, calendar in found}


def account_id_of(tenant: int, name: str) -> UUID:
    """The id of the account of this id or number, remembered. Raises `UnknownAccount`.

    An account keeps its number and is never deleted, so what was found once stays true.
    """
    found = _ids.get((tenant, name))
    if found is None:
        found = find_account(tenant, name).pk
        with _lock:
            if len(_ids) >= IDS_KEPT:
                _ids.clear()
            _ids[tenant, name] = found
    return found


def forget() -> None:
    """Forget what was remembered: between tests, whose databases are emptied."""
    _ids.clear()


def as_uuid(text: str) -> UUID | None:
    """The id that a text spells in its usual form, if it spells one."""
    if len(text) != 36:  # noqa: PLR2004 - 32 digits and four hyphens
        return None
    try:
        return UUID(text)
    except ValueError:
        return None


def _by_name(
    model: type[M],
    natural: str,
    tenant: int,
    after: str | None,
    limit: int,
    filters: dict[str, Any],
) -> Sequence[M]:
    found = model.objects.for_tenant(tenant).filter(**filters)
    if after is not None:
        found = found.filter(**{f"{natural}__gt": after})
    return list(found.order_by(natural)[:limit])


def _find(model: type[M], natural: str, tenant: int, name: str, unknown: NotFound) -> M:
    if not name.isprintable():  # PostgreSQL takes neither NUL nor half a surrogate pair
        raise unknown
    uid = as_uuid(name)
    by = {natural: name} if uid is None else {"pk": uid}
    found = model.objects.for_tenant(tenant).filter(**by).first()
    if found is None:
        raise unknown
    return found
