"""Sessions: which devices are connected. Whoever has none is offline."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from apps.conversations.events import SessionEnded, SessionStarted
from apps.conversations.models import Session
from apps.core.ids import uuid7
from apps.events.services import unit_of_work

SILENT: Final = timedelta(seconds=90)
"""After three missed heartbeats a device is gone."""


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A session that began, and the secret by which its device may come back to it."""

    id: UUID
    resume_token: str


@dataclass(frozen=True, slots=True)
class Connected:
    """A device that connected: whose it is, and whom its ticket named."""

    tenant: int
    conversation: UUID | None
    sender: str
    sender_id: str
    client: str


def start_session(
    tenant: int, *, conversation: UUID | None, sender: str, sender_id: str = "", client: str
) -> StartedSession:
    """A device connected."""
    (started,) = start_sessions([Connected(tenant, conversation, sender, sender_id, client)])
    return started


def start_sessions(devices: Sequence[Connected]) -> list[StartedSession]:
    """Devices connected, of any tenants: one insert for all; in the order of the devices."""
    now = timezone.now()
    started = [StartedSession(uuid7(), secrets.token_urlsafe(24)) for _ in devices]
    rows = [_row(*both, now) for both in zip(devices, started, strict=True)]
    with unit_of_work() as work:
        Session.objects.bulk_create(rows)
        for row in rows:
            fact = SessionStarted(
                session_id=row.id,
                conversation_id=row.conversation_id,
                sender=row.sender,
                sender_id=row.sender_id,
                started_at=now,
            )
            work.publish(fact, tenant=row.tenant_id, key=_key(row), occurred_at=now)
    return started


def _row(device: Connected, started: StartedSession, now: datetime) -> Session:
    return Session(
        id=started.id,
        tenant_id=device.tenant,
        conversation_id=device.conversation,
        sender=device.sender,
        sender_id=device.sender_id,
        client=device.client,
        resume_digest=hashlib.sha256(started.resume_token.encode()).digest(),
        started_at=now,
        last_seen_at=now,
    )


def touch_sessions(sessions: Collection[UUID]) -> None:
    """These devices gave a sign of life: one statement for all of a process."""
    if sessions:
        Session.objects.filter(pk__in=list(sessions), ended_at=None).update(
            last_seen_at=timezone.now()
        )


def end_session(tenant: int, session: UUID) -> None:
    """A device disconnected; again changes nothing."""
    with unit_of_work():
        rows = Session.objects.for_tenant(tenant).filter(pk=session, ended_at=None)
        _end(list(rows.select_for_update()), timezone.now())


def end_sessions(sessions: Collection[UUID]) -> None:
    """Devices of one process, which began these sessions, disconnected; again changes nothing."""
    if sessions:
        with unit_of_work():
            rows = Session.objects.filter(pk__in=list(sessions), ended_at=None)
            _end(list(rows.order_by("pk").select_for_update()), timezone.now())


def end_silent_sessions(now: datetime) -> int:
    """End the sessions whose device, or whose process, gave no sign for `SILENT`; how many."""
    with unit_of_work():
        rows = Session.objects.filter(ended_at=None, last_seen_at__lt=now - SILENT)
        silent = list(rows.order_by("pk").select_for_update(skip_locked=True)[:1_000])
        _end(silent, now)
    return len(silent)


def _end(rows: list[Session], now: datetime) -> None:
    with unit_of_work() as work:
        Session.objects.filter(pk__in=[row.pk for row in rows]).update(ended_at=now)
        for row in rows:
            fact = SessionEnded(
                session_id=row.pk,
                conversation_id=row.conversation_id,
                sender=row.sender,
                sender_id=row.sender_id,
                ended_at=now,
            )
            work.publish(fact, tenant=row.tenant_id, key=_key(row), occurred_at=now)


def _key(row: Session) -> str:
    return str(row.conversation_id or row.sender_id or row.pk)
