"""How the providers' circuit breakers stand: one of a tenant and provider, shared by all processes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from apps.resilience.breaker import Policy
from apps.resilience.services import Breaker, breaker

POLICY: Final = Policy(failures=5, open_for=5.0, open_max=60.0, probe_for=3.0)


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A breaker, for people."""

    state: str  # closed, open, half_open
    failures: int
    """In a row."""
    since: datetime | None
    retry_at: datetime | None


def name_of(tenant: int, provider: str) -> str:
    """A breaker's name, the same in all processes."""
    return f"nlu:{tenant}:{provider}"


def breaker_of(name: str) -> Breaker:
    """The breaker of that name, in this process; asked anywhere else it would get other terms."""
    return breaker(name, POLICY)


def state_of(tenant: int, provider: str) -> BreakerState:
    """How a provider's breaker stands, whichever process changed it last."""
    record = breaker_of(name_of(tenant, provider)).record()
    return BreakerState(
        record.phase.value, record.failures, _time(record.since), _time(record.retry_at)
    )


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
