"""What settlement does: the only writer of its tables."""

from apps.settlement.services.driving import Driven, drive, release
from apps.settlement.services.failing import accrue_penalties
from apps.settlement.services.files import exchange_files
from apps.settlement.services.notices import Received, receive_notices, take_notices
from apps.settlement.services.opening import open_settlements
from apps.settlement.services.people import (
    Decision,
    assign,
    comment,
    compensate,
    resolve_notice,
    retry,
    set_policy,
    settle_by_hand,
)
from apps.settlement.services.redating import redate
from apps.settlement.services.trades import take_trades

__all__ = [
    "Decision",
    "Driven",
    "Received",
    "accrue_penalties",
    "assign",
    "comment",
    "compensate",
    "drive",
    "exchange_files",
    "open_settlements",
    "receive_notices",
    "redate",
    "release",
    "resolve_notice",
    "retry",
    "set_policy",
    "settle_by_hand",
    "take_notices",
    "take_trades",
]
