"""Move settlements on: facts go through the saga in memory, and what came of them is written at once.

One `Moves` is one transaction's worth. Settlements are locked before (rows.py: lock), told their
facts with `tell`, and written, recorded and published by `write`.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.events.services import UnitOfWork
from apps.settlement import broadcasts
from apps.settlement.events import (
    Moved,
    SettlementCancelled,
    SettlementFailed,
    SettlementNeedsAttention,
    SettlementsAdvanced,
)
from apps.settlement.saga import FINAL, PERSONS, Action, State, Step, advance
from apps.settlement.saga.facts import Fact
from apps.settlement.services import rows
from apps.settlement.services.rows import Row

INSERT_STEPS: Final = """
INSERT INTO settlement_settlementstep (settlement_id, tenant_id, step, attempt, request_id,
    request_hash, request, response, error, from_state, to_state, note, by, started_at, finished_at,
    next_attempt_at)
SELECT n.settlement_id, n.tenant_id, n.step, n.attempt, n.request_id, n.request_hash, n.request,
       n.response, n.error, n.from_state, n.to_state, n.note, n.by, n.started_at, n.finished_at,
       n.next_attempt_at
FROM json_to_recordset(%s::json) AS n (settlement_id uuid, tenant_id integer, step text,
    attempt smallint, request_id uuid, request_hash text, request text, response text, error text,
    from_state text, to_state text, note text, by text, started_at timestamptz,
    finished_at timestamptz, next_attempt_at timestamptz)
"""
TEXT_MAX: Final = 4_000
"""Characters of a request or an answer that are kept; its hash is of all of it."""


class StepRow(msgspec.Struct, gc=False):
    """One step of a settlement, as it is recorded."""

    settlement_id: UUID
    tenant_id: int
    step: str
    attempt: int
    from_state: str
    to_state: str
    started_at: datetime
    finished_at: datetime | None
    next_attempt_at: datetime | None = None
    request_id: UUID | None = None
    request_hash: str = ""
    request: str = ""
    response: str = ""
    error: str = ""
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down about a fact: why, by whom, and what went over the wire."""

    step: str
    code: str = ""
    detail: str = ""
    request_id: UUID | None = None
    request: str = ""
    response: str = ""
    error: str = ""
    note: str = ""
    by: str = ""
    attempt: int = 1


@dataclass(slots=True)
class Moves:
    """What one transaction does to settlements."""

    work: UnitOfWork
    now: datetime
    dice: random.Random = field(default_factory=random.SystemRandom)
    changed: dict[UUID, Row] = field(default_factory=dict)
    came_from: dict[UUID, State] = field(default_factory=dict)
    steps: list[StepRow] = field(default_factory=list)

    def tell(self, row: Row, fact: Fact, record: Record | None = None) -> tuple[Action, ...]:
        """Tell a settlement a fact; what is to be done because of it."""
        before = row.state
        step = advance(row.saga, fact, jitter=self.dice.random())
        self.touch(row)
        self._take(row, before, step)
        if record is not None:
            if record.code or record.detail:
                row.code, row.detail = record.code, record.detail
            elif row.state is not before and row.state in PERSONS:
                row.detail = record.note  # whoever is to look at it is told why
            self.record(row, before, record)
        return step.actions

    def touch(self, row: Row) -> None:
        """Have a settlement written, whatever changed in it."""
        if row.id not in self.changed:
            self.changed[row.id] = row
            self.came_from[row.id] = row.state

    def record(self, row: Row, before: State, record: Record) -> None:
        """Write a step down."""
        self.steps.append(
            StepRow(
                settlement_id=row.id,
                tenant_id=row.tenant_id,
                step=record.step,
                attempt=record.attempt,
                from_state=before,
                to_state=row.state,
                started_at=self.now,
                finished_at=self.now,
                next_attempt_at=row.next_at,
                request_id=record.request_id,
                request_hash=digest(record.request) if record.request else "",
                request=record.request[:TEXT_MAX],
                response=record.response[:TEXT_MAX],
                error=record.error[:TEXT_MAX],
                note=record.note or record.detail,
                by=record.by,
            )
        )

    def write(self) -> None:
        """Write, record and publish all that happened."""
        changed = list(self.changed.values())
        rows.update(changed, self.now)
        if self.steps:
            encoded = _encode(self.steps).decode()
            with connection.cursor() as cursor:
                cursor.execute(INSERT_STEPS, [encoded])
        self._publish([one for one in changed if one.state is not self.came_from[one.id]])
        self.changed, self.came_from, self.steps = {}, {}, []

    def _take(self, row: Row, before: State, step: Step) -> None:
        saga = step.saga
        row.state, row.settled, row.pending = saga.state, saga.settled, saga.pending
        row.tries, row.may_be_out, row.is_unwanted = saga.tries, saga.may_be_out, saga.is_unwanted
        if saga.state in FINAL:
            row.next_at = None
        elif step.due_in is not None:
            row.next_at = self.now + step.due_in
        elif saga.state in PERSONS and (saga.state is not before or not saga.may_be_out):
            row.next_at = None
        if saga.state is before:
            return
        row.code = row.detail = ""
        if saga.state not in PERSONS:
            row.attention_at, row.assigned_to = None, ""
        elif row.attention_at is None:
            row.attention_at = self.now
        if saga.state is State.INSTRUCTED and row.instructed_at is None:
            row.instructed_at = self.now
        if saga.state is State.SETTLED:
            row.settled_at = self.now

    def _publish(self, moved: Sequence[Row]) -> None:
        by_account: dict[tuple[int, UUID], list[Row]] = {}
        for one in moved:
            by_account.setdefault((one.tenant_id, one.account_id), []).append(one)
        changes = [self._change(one) for one in moved]
        if changes:
            self.work.after_commit(lambda: broadcasts.tell_moved(changes))
        for (tenant, account), group in by_account.items():
            fact = SettlementsAdvanced(
                account_id=account,
                account_number=group[0].account_number,
                settlements=tuple(map(self._moved, group)),
            )
            self.work.publish(fact, tenant=tenant, key=str(account))
            for one in group:
                self._announce(one)

    def _change(self, one: Row) -> broadcasts.Change:
        before = self.came_from[one.id]
        return one.tenant_id, str(one.id), one.account_number, one.symbol, before, one.state

    def _moved(self, one: Row) -> Moved:
        return Moved(
            settlement_id=one.id,
            trade_id=one.trade_id,
            from_state=self.came_from[one.id],
            to_state=one.state,
            code=one.code,
            detail=one.detail,
        )

    def _announce(self, one: Row) -> None:
        """Tell singly what somebody may be waiting for."""
        told: SettlementFailed | SettlementNeedsAttention | SettlementCancelled
        if one.state is State.FAILED:
            told = SettlementFailed(
                settlement_id=one.id,
                trade_id=one.trade_id,
                account_id=one.account_id,
                account_number=one.account_number,
                symbol=one.symbol,
                open_quantity=one.saga.open,
                due_on=one.due_on,
                code=one.code,
                detail=one.detail,
            )
        elif one.state in PERSONS:
            told = SettlementNeedsAttention(
                settlement_id=one.id,
                trade_id=one.trade_id,
                account_number=one.account_number,
                state=one.state,
                reason=one.detail,
            )
        elif one.state in {State.CANCELLED, State.COMPENSATED}:
            told = SettlementCancelled(
                settlement_id=one.id,
                trade_id=one.trade_id,
                account_id=one.account_id,
                account_number=one.account_number,
                symbol=one.symbol,
                state=one.state,
                open_quantity=one.saga.open,
                detail=one.detail,
            )
        else:
            return
        self.work.publish(told, tenant=one.tenant_id, key=str(one.account_id))


_encode: Any = msgspec.json.Encoder().encode


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
