"""The circuit breaker of a clearing system, shared by all workers (`apps.resilience`).

It stops new instructions, and nothing else: questions, withdrawals and confirmations go on, since what
was sent has to be found out about. But a call that nobody answers is one whatever it was about, so all
of them count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from apps.resilience.services import Breaker, Policy, breaker
from apps.settlement.clearing.http_json import CALL_SECONDS
from apps.settlement.saga import TRIES_MAX

# A settlement whose last try is lost goes to a person. When everybody's are lost it is the system's
# fault: so the breaker opens with the third call in a row, before anybody's third try has counted.
POLICY: Final = Policy(failures=TRIES_MAX, open_for=5, open_max=60, probe_for=2 * CALL_SECONDS + 10)


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether an instruction may be sent now."""

    allowed: bool
    is_probe: bool = False
    """The one that finds out whether the system is back: send one instruction, not many."""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BreakerState:
    """How a breaker stands, for people."""

    code: str
    state: str  # closed | open | half_open
    failures: int
    since: datetime | None
    retry_at: datetime | None


def admit(tenant: int, code: str) -> Admission:
    """Whether new instructions may be sent now."""
    found = _breaker(tenant, code).admit()
    retry_at = None if found.allowed else datetime.fromtimestamp(found.retry_at, UTC)
    return Admission(found.allowed, found.is_probe, retry_at)


def report(tenant: int, code: str, *, ok: bool) -> None:
    """Tell what came of a call that was admitted: an answer of any kind is ok, none is not."""
    _breaker(tenant, code).report(ok=ok)


def open_until(tenant: int, code: str) -> datetime | None:
    """Until when it is open; nothing where it is closed."""
    return state(tenant, code).retry_at


def state(tenant: int, code: str) -> BreakerState:
    """How a breaker stands."""
    record = _breaker(tenant, code).record()
    since = datetime.fromtimestamp(record.since, UTC) if record.since else None
    retry_at = datetime.fromtimestamp(record.retry_at, UTC) if record.retry_at else None
    return BreakerState(code, record.phase.value, record.failures, since, retry_at)


def states(tenant: int, codes: Iterable[str]) -> list[BreakerState]:
    """How a tenant's breakers stand."""
    return [state(tenant, code) for code in codes]


def _breaker(tenant: int, code: str) -> Breaker:
    return breaker(f"clearing:{tenant}:{code}", POLICY)
