"""What settlement does: the only writer of its tables."""

from apps.settlement.services.opening import open_settlements

__all__ = ["open_settlements"]
