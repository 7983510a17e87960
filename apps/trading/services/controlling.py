"""Take what the account system says of accounts, pulled or pushed: the newest version counts.

A frozen account is refused by intake from the commit on; what it traded before goes on to settle. What
the account system and we decided is kept apart, and the stricter one counts: so neither lifts the
other's freeze (decision 0051).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from apps.events.services import UnitOfWork, unit_of_work
from apps.resilience.services import Policy, breaker
from apps.tenants.selectors import tenant_ids
from apps.trading.account_system import wire
from apps.trading.account_system.client import CALL_SECONDS, AccountSystem, NoAnswer
from apps.trading.account_system.wire import Told
from apps.trading.models import AccountFeed, AccountNotice, AccountStatus, ClientAccount
from apps.trading.selectors import holdings_of
from apps.trading.services.accounts import ACCOUNT_SYSTEM, change_row, stricter

log = structlog.get_logger(__name__)

POLICY: Final = Policy(failures=3, open_for=5, open_max=60, probe_for=2 * CALL_SECONDS)
BUDGET_SECONDS: Final = 20.0  # that one tick takes for all tenants
PAGES_MOST: Final = 100
NEVER: Final = datetime.min.replace(tzinfo=UTC)
CLOSED: Final = AccountStatus.CLOSED.value


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message, by the number of accounts."""

    applied: int = 0
    stale: int = 0
    """Of a version that was known, or older than it."""
    unknown: int = 0
    contradicting: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.applied + other.applied,
            self.stale + other.stale,
            self.unknown + other.unknown,
            self.contradicting + other.contradicting,
        )


def take_notice(tenant: int, uid: str, body: bytes, told: Sequence[Told]) -> Taken:
    """Take what was pushed under an id, once: the same id again changes nothing."""
    with unit_of_work() as work:
        row, is_new = AccountNotice.objects.get_or_create(
            tenant_id=tenant,
            uid=uid,
            defaults={"body": body.decode(), "applied": 0, "received_at": timezone.now()},
        )
        if not is_new:
            return Taken(stale=len(told))
        taken = _take(work, tenant, told)
        AccountNotice.objects.filter(pk=row.pk).update(applied=taken.applied)
        _count(tenant, taken)
    return taken


def pull_accounts() -> Taken:
    """Ask the account system what changed, tenant by tenant; nothing where none is configured.

    Whoever was asked longest ago comes first: where the time does not reach for all, the next tick
    goes on with the others.
    """
    total = Taken()
    if not settings.ACCOUNT_SYSTEM_URL:
        return total
    until = time.monotonic() + BUDGET_SECONDS
    for tenant in _longest_waiting():
        total += _pull(tenant, until)
        if time.monotonic() > until:
            break  # whoever is silent opens the breaker
    return total


def _longest_waiting() -> list[int]:
    asked = dict(AccountFeed.objects.values_list("tenant_id", "asked_at"))
    return sorted(tenant_ids(), key=lambda one: (asked.get(one) or NEVER, one))


def connection_of(tenant: int) -> AccountSystem:
    """A tenant's connection to the account system."""
    return AccountSystem(settings.ACCOUNT_SYSTEM_URL, secret_of(tenant), tenant)


def secret_of(tenant: int) -> str:
    """What a tenant and the account system sign with, both ways."""
    return wire.secret_of(settings.ACCOUNT_SYSTEM_SECRET, tenant)


def _pull(tenant: int, until: float) -> Taken:
    """All that is new of a tenant, but no page more once the time (of the monotonic clock) is up."""
    guard, total = breaker("account-system", POLICY), Taken()
    feed, _ = AccountFeed.objects.get_or_create(tenant_id=tenant)
    for number in range(PAGES_MOST):
        if not guard.admit().allowed:
            return total
        if not number:
            AccountFeed.objects.filter(pk=tenant).update(asked_at=timezone.now())
        try:
            page = connection_of(tenant).changes(feed.cursor)
        except NoAnswer as error:
            guard.report(ok=False)
            AccountFeed.objects.filter(pk=tenant).update(problem=str(error))
            log.warning("account system gives no answer", tenant=tenant, reason=str(error))
            return total
        guard.report(ok=True)
        feed.cursor = max(feed.cursor, page.cursor)
        with unit_of_work() as work:
            taken = _take(work, tenant, page.accounts)
            _count(tenant, taken)
            AccountFeed.objects.filter(pk=tenant, cursor__lte=feed.cursor).update(
                cursor=feed.cursor, read_at=timezone.now(), problem=""
            )
        total += taken
        if not page.more or time.monotonic() > until:
            break
    return total


def _take(work: UnitOfWork, tenant: int, told: Sequence[Told]) -> Taken:
    """Apply what is newer than what is known; accounts are locked in one order."""
    rows = {
        row.number: row
        for row in ClientAccount.objects.for_tenant(tenant)
        .filter(number__in=sorted({one.number for one in told}))
        .order_by("pk")
        .select_for_update(no_key=True)
    }
    now, total = timezone.now(), Taken()
    for one in sorted(told, key=lambda each: each.version):
        row = rows.get(one.number)
        if row is None:
            total += Taken(unknown=1)
        elif one.version < row.told_version:
            total += Taken(stale=1)
        elif one.version == row.told_version:
            is_same = one.status == row.told_status and all(
                getattr(row, name) == value for name, value in one.limits.items()
            )
            total += Taken(stale=1) if is_same else Taken(contradicting=1)
        else:
            _apply(work, row, one, now)
            total += Taken(applied=1)
    return total


def _apply(work: UnitOfWork, row: ClientAccount, told: Told, now: datetime) -> None:
    wanted: dict[str, Any] = {
        "told_status": told.status,
        "told_version": told.version,
        "told_at": now,
        **told.limits,
        "status": stricter(row.own_status, told.status),
    }
    if wanted["status"] == CLOSED and row.status != CLOSED and _holds(row):
        wanted["status"] = AccountStatus.FROZEN.value  # it may not trade, and is not flat yet
    if row.status == CLOSED:
        wanted["status"] = CLOSED  # for ever
    change_row(work, row, wanted, by=ACCOUNT_SYSTEM)


def _holds(row: ClientAccount) -> bool:
    return any(one.quantity for one in holdings_of([row.pk]))


def _count(tenant: int, taken: Taken) -> None:
    if not taken.unknown and not taken.contradicting:
        return
    AccountFeed.objects.get_or_create(tenant_id=tenant)
    AccountFeed.objects.filter(pk=tenant).update(
        unknown=F("unknown") + taken.unknown,
        contradictions=F("contradictions") + taken.contradicting,
    )
    log.warning(
        "account system told what does not fit", tenant=tenant, unknown=taken.unknown,
        contradicting=taken.contradicting,
    )  # fmt: skip
