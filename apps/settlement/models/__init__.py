"""Settlement's tables."""

from apps.settlement.models.fields import AmountField
from apps.settlement.models.notices import ClearingNotice, NoticeState
from apps.settlement.models.settlements import Kind, Movement, Settlement
from apps.settlement.models.work import (
    Penalty,
    Proposal,
    SettlementPolicy,
    SettlementStep,
    UnitSplit,
)

__all__ = [
    "AmountField",
    "ClearingNotice",
    "Kind",
    "Movement",
    "NoticeState",
    "Penalty",
    "Proposal",
    "Settlement",
    "SettlementPolicy",
    "SettlementStep",
    "UnitSplit",
]
