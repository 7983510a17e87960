"""Trades come in: validated, booked once, told."""

from apps.trading.services.intake.execution import CHUNK, execute_trades
from apps.trading.services.intake.outcomes import Outcome
from apps.trading.services.intake.requests import FeeRequest, TradeRequest

__all__ = ["CHUNK", "FeeRequest", "Outcome", "TradeRequest", "execute_trades"]
