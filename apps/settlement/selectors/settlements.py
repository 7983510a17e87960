"""Settlements, one or many, with what was done about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from apps.settlement.exceptions import SettlementNotFound
from apps.settlement.models import (
    ClearingNotice,
    NoticeState,
    Penalty,
    Proposal,
    Settlement,
    SettlementPolicy,
    SettlementStep,
)
from apps.trading.selectors import account_id_of

STEPS_MAX = 500
"""Steps of one settlement that are shown; the newest ones."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which settlements are wanted; nothing: all."""

    state: str = ""
    trade: UUID | None = None
    due: date | None = None
    account: str = ""
    """Its id or number."""
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """One settlement, and everything that was done about it."""

    settlement: Settlement
    steps: Sequence[SettlementStep]
    notices: Sequence[ClearingNotice]
    proposals: Sequence[Proposal]
    penalties: Sequence[Penalty]


def settlements(
    tenant: int, filters: Filters, *, after: UUID | None, limit: int
) -> Sequence[Settlement]:
    """Newest first, those before an id. Raises `UnknownAccount`."""
    found = Settlement.objects.for_tenant(tenant)
    if filters.state:
        found = found.filter(state=filters.state)
    if filters.trade is not None:
        found = found.filter(trade_id=filters.trade)
    if filters.due is not None:
        found = found.filter(due_on=filters.due)
    if filters.account:
        found = found.filter(account_id=account_id_of(tenant, filters.account))
    if filters.needs_person:
        found = found.filter(attention_at__isnull=False)
    if after is not None:
        found = found.filter(id__lt=after)
    return list(found.order_by("-id")[:limit])


def story(tenant: int, uid: UUID) -> Story:
    """One settlement with its steps. Raises `SettlementNotFound`."""
    found = Settlement.objects.for_tenant(tenant).filter(pk=uid).first()
    if found is None:
        raise SettlementNotFound(settlement=str(uid))
    steps = SettlementStep.objects.for_tenant(tenant).filter(settlement=uid).order_by("-id")
    return Story(
        found,
        list(reversed(steps[:STEPS_MAX])),
        list(ClearingNotice.objects.for_tenant(tenant).filter(settlement_id=uid).order_by("id")),
        list(Proposal.objects.for_tenant(tenant).filter(settlement_id=uid).order_by("id")),
        list(Penalty.objects.for_tenant(tenant).filter(settlement_id=uid).order_by("on")),
    )


def suspended_notices(tenant: int, *, after: int | None, limit: int) -> Sequence[ClearingNotice]:
    """Notices that fit nothing, oldest first."""
    found = ClearingNotice.objects.for_tenant(tenant).filter(state=NoticeState.SUSPENDED)
    if after is not None:
        found = found.filter(id__gt=after)
    return list(found.order_by("id")[:limit])


def policy_of(tenant: int) -> SettlementPolicy:
    """How a tenant settles; what nobody has decided is as a prime broker does it."""
    found = SettlementPolicy.objects.for_tenant(tenant).first()
    return found or SettlementPolicy(tenant_id=tenant, decided_at=None)  # type: ignore[misc] # nobody has: it is never saved
