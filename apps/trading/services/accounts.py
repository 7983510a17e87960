"""Open and change client accounts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from apps.core.exceptions import Fault, fault
from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import (
    AccountChanged,
    AccountFrozen,
    AccountOpened,
    AccountUnfrozen,
    LimitsChanged,
)
from apps.trading.exceptions import AccountDiffers
from apps.trading.models import AccountStatus, ClientAccount, CostMethod
from apps.trading.selectors import find_account, holdings_of
from apps.trading.services import terms as check

CHANGEABLE: Final = (
    "name",
    "status",
    "max_order_notional",
    "max_gross_exposure",
    "max_orders_per_second",
)
LIMITS: Final = CHANGEABLE[2:]
OWN, ACCOUNT_SYSTEM = "own", "account_system"
"""Who decided."""
STRICTNESS: Final = [
    AccountStatus.OPEN.value,
    AccountStatus.FROZEN.value,
    AccountStatus.CLOSED.value,
]
BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """An account to be opened. Limits count in each settlement currency by itself."""

    number: str
    name: str
    base_currency: str
    cost_method: str = CostMethod.AVERAGE.value
    max_order_notional: Decimal | None = None
    max_gross_exposure: Decimal | None = None
    max_orders_per_second: int | None = None


def open_account(tenant: int, terms: AccountTerms) -> tuple[ClientAccount, bool]:
    """The account of this number, and whether this call opened it.

    Raises `TermsRefused`, and `AccountDiffers` where the number has other terms.
    """
    return open_accounts(tenant, [terms])[0]


def open_accounts(tenant: int, wanted: Sequence[AccountTerms]) -> list[tuple[ClientAccount, bool]]:
    """The accounts of these numbers, and whether this call opened them; all or none.

    Raises what `open_account` raises.
    """
    check.refuse([one for terms in wanted for one in _faults(terms)])
    rows = {terms.number: ClientAccount(tenant_id=tenant, **asdict(terms)) for terms in wanted}
    with unit_of_work() as work:
        ClientAccount.objects.bulk_create(rows.values(), batch_size=BATCH, ignore_conflicts=True)
        known = ClientAccount.objects.for_tenant(tenant).filter(number__in=list(rows))
        found = {row.number: row for row in known}
        opened = {number for number, row in found.items() if row.pk == rows[number].pk}
        for terms in wanted:
            row = found[terms.number]
            if differences := check.differing(row, asdict(terms)):
                raise AccountDiffers(account=terms.number, errors=differences)
        for number in opened:
            _tell_opened(work, found[number])
    return [(found[terms.number], terms.number in opened) for terms in wanted]


def change_account(tenant: int, name: str, changes: Mapping[str, Any]) -> ClientAccount:
    """Change an account's name, status or limits, by id or number.

    Raises `UnknownAccount`, and `TermsRefused` where something cannot be so, or cannot change.
    """
    with unit_of_work() as work:
        pk = find_account(tenant, name).pk
        row = ClientAccount.objects.for_tenant(tenant).select_for_update(no_key=True).get(pk=pk)
        check.refuse([*check.fixed_faults(changes, CHANGEABLE), *_change_faults(row, changes)])
        wanted = dict(changes)
        if "status" in wanted:
            wanted["own_status"] = wanted["status"]
            wanted["status"] = stricter(wanted["own_status"], row.told_status)
        change_row(work, row, wanted, by=OWN)
    return row


def change_row(
    work: UnitOfWork, row: ClientAccount, wanted: Mapping[str, Any], *, by: str
) -> list[str]:
    """Write changes of a locked account and tell them; the names of what changed."""
    before = row.status
    changed = check.assign(row, wanted)
    if not changed:
        return []
    row.updated_at = timezone.now()
    row.save(update_fields=[*changed, "updated_at"])
    told = tuple(name for name in changed if name in CHANGEABLE)
    if told:
        for fact in _facts(row, before, told, by):
            work.publish(fact, tenant=row.tenant_id, key=str(row.pk))
    return changed


def stricter(*statuses: str) -> str:
    """The strictest of the statuses that are known."""
    return max((one for one in statuses if one), key=STRICTNESS.index)


def _facts(
    row: ClientAccount, before: str, changed: tuple[str, ...], by: str
) -> Iterator[AccountChanged | AccountFrozen | AccountUnfrozen | LimitsChanged]:
    yield AccountChanged(account_id=row.pk, number=row.number, status=row.status, changed=changed)
    version = row.told_version if by == ACCOUNT_SYSTEM else None
    if row.status != before and row.status == AccountStatus.FROZEN:
        yield AccountFrozen(account_id=row.pk, number=row.number, by=by, version=version)
    elif row.status != before and before == AccountStatus.FROZEN and row.status == STRICTNESS[0]:
        yield AccountUnfrozen(account_id=row.pk, number=row.number, by=by, version=version)
    if set(changed) & set(LIMITS):
        yield LimitsChanged(
            account_id=row.pk,
            number=row.number,
            max_order_notional=row.max_order_notional,
            max_gross_exposure=row.max_gross_exposure,
            max_orders_per_second=row.max_orders_per_second,
            by=by,
            version=version,
        )


def _faults(terms: AccountTerms) -> list[Fault]:
    return [
        *check.natural_name_faults("number", terms.number),
        *check.text_faults("name", terms.name),
        *check.currency_faults("base_currency", terms.base_currency),
        *check.choice_faults("cost_method", terms.cost_method, CostMethod.values),
        *(one for name in LIMITS for one in check.positive_faults(name, getattr(terms, name))),
    ]


def _change_faults(row: ClientAccount, changes: Mapping[str, Any]) -> list[Fault]:
    found: list[Fault] = []
    if "name" in changes:
        found += check.text_faults("name", changes["name"])
    for name in LIMITS:
        found += check.positive_faults(name, changes.get(name))
        if row.is_told and name in changes and changes[name] != getattr(row, name):
            detail = "The account system decides about the limits of this account."
            found.append(fault(name, "account_system_decides", detail))
    status = changes.get("status", row.status)
    found += check.choice_faults("status", status, AccountStatus.values)
    if status == AccountStatus.OPEN and row.told_status not in {"", AccountStatus.OPEN}:
        detail = f"The account system says that it is {row.told_status}."
        found.append(fault("status", "account_system_decides", detail))
    if status == row.status:
        return found
    if row.status == AccountStatus.CLOSED:
        found.append(fault("status", "closed", "A closed account stays closed."))
    elif status == AccountStatus.CLOSED and any(one.quantity for one in holdings_of([row.pk])):
        detail = "It holds positions; an account is closed when it is flat."
        found.append(fault("status", "not_flat", detail))
    return found


def _tell_opened(work: UnitOfWork, row: ClientAccount) -> None:
    fact = AccountOpened(
        account_id=row.pk,
        number=row.number,
        name=row.name,
        base_currency=row.base_currency,
        cost_method=row.cost_method,
    )
    work.publish(fact, tenant=row.tenant_id, key=str(row.pk))
