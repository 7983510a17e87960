"""Register and change counterparties."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from apps.trading.exceptions import CounterpartyDiffers
from apps.trading.models import Counterparty, CounterpartyStatus
from apps.trading.selectors import find_counterparty
from apps.trading.services import terms as check

CHANGEABLE: Final = ("name", "status")


def register_counterparty(tenant: int, *, code: str, name: str) -> tuple[Counterparty, bool]:
    """The counterparty of this code, and whether this call made it.

    Raises `TermsRefused`, and `CounterpartyDiffers` where the code has another name.
    """
    check.refuse(
        [*check.natural_name_faults("code", code), *check.text_faults("name", name)],
    )
    row, made = Counterparty.objects.get_or_create(
        tenant_id=tenant, code=code, defaults={"name": name}
    )
    if differences := check.differing(row, {"name": name}):
        raise CounterpartyDiffers(counterparty=code, errors=differences)
    return row, made


@transaction.atomic
def change_counterparty(tenant: int, name: str, changes: Mapping[str, Any]) -> Counterparty:
    """Change a counterparty's name or status, by id or code.

    Raises `UnknownCounterparty` and `TermsRefused`.
    """
    found = find_counterparty(tenant, name)
    row = Counterparty.objects.for_tenant(tenant).select_for_update(no_key=True).get(pk=found.pk)
    faults = check.fixed_faults(changes, CHANGEABLE)
    if "name" in changes:
        faults += check.text_faults("name", changes["name"])
    if "status" in changes:
        faults += check.choice_faults("status", changes["status"], CounterpartyStatus.values)
    check.refuse(faults)
    if changed := check.assign(row, changes):
        row.save(update_fields=changed)
    return row
