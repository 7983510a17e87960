"""Notices of clearing systems: kept as they come, then taken in order, in batches of a partition.

Keeping is fast and refuses nothing that is well formed. What fits no settlement, or contradicts what
is known, is suspended for a person: it never reaches the ledger and is never dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection
from django.utils import timezone

from apps.core.money import plain
from apps.events.registry import Recorded
from apps.events.services import UnitOfWork, unit_of_work
from apps.settlement.clearing.protocol import Notice, NoticeKind
from apps.settlement.events import ClearingNoticeReceived, SettlementNeedsAttention
from apps.settlement.saga import PERSONS, Action, State, facts
from apps.settlement.saga.facts import Fact
from apps.settlement.services import posting, rows
from apps.settlement.services.moving import Moves, Record, digest
from apps.settlement.services.returning import open_return
from apps.settlement.services.rows import Row

OWNERS: Final = """
SELECT s.instruction_id, s.id, s.account_id, s.clearing FROM settlement_settlement s
WHERE s.tenant_id = %s AND s.instruction_id = ANY(%s::uuid[])
"""
INSERT: Final = """
INSERT INTO settlement_clearingnotice (tenant_id, system, notice_id, instruction, kind, quantity,
    amount, code, detail, at, digest, raw, settlement_id, state, reason)
SELECT %s, %s, n.notice_id, n.instruction, n.kind, n.quantity, n.amount, n.code, n.detail, n.at,
       n.digest, n.raw, n.settlement_id, n.state, n.reason
FROM json_to_recordset(%s::json) AS n (notice_id text, instruction text, kind text,
    quantity numeric, amount numeric, code text, detail text, at timestamptz, digest text, raw text,
    settlement_id uuid, state text, reason text)
ON CONFLICT (tenant_id, system, notice_id) DO NOTHING
RETURNING notice_id, id
"""
KNOWN: Final = """
SELECT notice_id, digest FROM settlement_clearingnotice
WHERE tenant_id = %s AND system = %s AND notice_id = ANY(%s)
"""
# Told before, in answer to a question of ours: then its own notice says nothing new.
ANSWERED: Final = """
SELECT a.id FROM settlement_clearingnotice n
JOIN settlement_clearingnotice a ON a.settlement_id = n.settlement_id AND a.state = 'taken'
     AND a.notice_id LIKE 'ask:%%' AND a.quantity = n.quantity AND a.amount = n.amount
WHERE n.id = %s AND n.notice_id NOT LIKE 'ask:%%' LIMIT 1
"""
CLOSE: Final = """
UPDATE settlement_clearingnotice AS n SET state = c.state, reason = c.reason, settled_at = %s
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS c (id, state, reason) WHERE n.id = c.id
"""
RAW_MAX: Final = 16_000
"""Characters of a message that are kept."""


@dataclass(frozen=True, slots=True)
class Received:
    """How many notices were new, and how many were known."""

    new: int
    known: int


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """A notice on its way into the table."""

    notice_id: str
    instruction: str
    kind: str
    quantity: Any
    amount: Any
    code: str
    detail: str
    at: Any
    digest: str
    raw: str
    settlement_id: UUID | None
    state: str
    reason: str


_encode = msgspec.json.Encoder(decimal_format="string").encode


def receive_notices(tenant: int, system: str, notices: Sequence[Notice]) -> Received:
    """Keep what a clearing system told; a repetition is known, and changes nothing."""
    with unit_of_work() as work:
        owners = _owners(tenant, notices)
        kept = [_kept(one, owners.get(one.instruction), system) for one in notices]
        # Two in one call under one id count like two calls.
        first: dict[str, _Kept] = {}
        for one in kept:
            first.setdefault(one.notice_id, one)
        new = _insert(tenant, system, list(first.values()))
        new_ones = [one for one in first.values() if one.notice_id in new]
        again = [one for one in kept if one not in new_ones]
        contradicting = _contradicting(tenant, system, again)
        extra = _insert(tenant, system, contradicting)
        for one in (*new_ones, *(one for one in contradicting if one.notice_id in extra)):
            _tell(work, tenant, system, one, (new | extra)[one.notice_id], owners)
    return Received(len(new) + len(extra), len(notices) - len(new) - len(extra))


def _owners(tenant: int, notices: Iterable[Notice]) -> dict[str, tuple[UUID, UUID, str]]:
    """Settlement, account and clearing system by instruction."""
    wanted = {}
    for one in notices:
        try:
            wanted[UUID(one.instruction)] = one.instruction
        except ValueError:
            continue  # no instruction of ours: it is suspended for a person to look at
    with connection.cursor() as cursor:
        cursor.execute(OWNERS, [tenant, list(wanted)])
        return {wanted[uid]: (sid, account, code) for uid, sid, account, code in cursor.fetchall()}


def _kept(one: Notice, owner: tuple[UUID, UUID, str] | None, system: str) -> _Kept:
    is_ours = owner is not None and owner[2] == system
    reason = "" if is_ours else "no settlement of ours has this instruction at this clearing system"
    amounts = [None if amount is None else plain(amount) for amount in (one.quantity, one.amount)]
    content = "|".join(map(str, (one.instruction, one.kind, *amounts, one.code)))
    return _Kept(
        notice_id=one.id,
        instruction=one.instruction,
        kind=one.kind,
        quantity=one.quantity,
        amount=one.amount,
        code=one.code,
        detail=one.detail,
        at=one.at,
        digest=digest(content),
        raw=one.raw[:RAW_MAX],
        settlement_id=owner[0] if owner is not None else None,
        state="received" if is_ours else "suspended",
        reason=reason,
    )


def _insert(tenant: int, system: str, kept: Sequence[_Kept]) -> dict[str, int]:
    """The ids of those that were not there before, by the clearing system's id."""
    if not kept:
        return {}
    ordered = sorted(kept, key=lambda one: one.notice_id)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [tenant, system, _encode(ordered).decode()])
        return dict(cursor.fetchall())


def _contradicting(tenant: int, system: str, again: Sequence[_Kept]) -> list[_Kept]:
    """Those that say something else under an id that is taken; kept under a name of their own."""
    if not again:
        return []
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [tenant, system, [one.notice_id for one in again]])
        known = dict(cursor.fetchall())
    found = {
        f"{one.notice_id}!{one.digest[:16]}": one
        for one in again
        if known.get(one.notice_id, one.digest) != one.digest
    }
    reason = "another notice came under this id, and said something else"
    return [
        msgspec.structs.replace(one, notice_id=name, state="suspended", reason=reason)
        for name, one in found.items()
    ]


def _tell(
    work: UnitOfWork,
    tenant: int,
    system: str,
    one: _Kept,
    number: int,
    owners: dict[str, tuple[UUID, UUID, str]],
) -> None:
    if one.state == "received" and one.settlement_id is not None:
        fact = ClearingNoticeReceived(
            settlement_id=one.settlement_id,
            notice_id=number,
            system=system,
            kind=one.kind,
            quantity=one.quantity,
            amount=one.amount,
            code=one.code,
            detail=one.detail,
            at=one.at,
        )
        work.publish(fact, tenant=tenant, key=str(owners[one.instruction][1]))
        return
    work.publish(
        _suspended(one.settlement_id, one.notice_id, one.reason), tenant=tenant, key=system
    )


def _suspended(settlement: UUID | None, notice: str, reason: str) -> SettlementNeedsAttention:
    return SettlementNeedsAttention(
        settlement_id=settlement,
        trade_id=None,
        account_number="",
        state="suspended",
        reason=f"notice {notice}: {reason}",
    )


def take_notices(batch: Sequence[Recorded]) -> None:
    """Take notices, each account's in order; post what they confirm."""
    with unit_of_work() as work:
        told = [
            (one.tenant_id, one.event)
            for one in batch
            if isinstance(one.event, ClearingNoticeReceived)
        ]
        locked = rows.lock(fact.settlement_id for _, fact in told)
        moves = Moves(work, timezone.now())
        outcomes = [_take(moves, tenant, fact, locked) for tenant, fact in told]
        waiting = [one for one in moves.changed.values() if one.state is State.CONFIRMED]
        if waiting:
            posting.post(moves, waiting)
        moves.write()
        _close(outcomes, moves)


Outcome = tuple[int, str, str]
"""Notice, its state, and why."""


def _take(
    moves: Moves, tenant: int, fact: ClearingNoticeReceived, locked: dict[UUID, Row]
) -> Outcome:
    row = locked[fact.settlement_id]
    told, before, is_open = _fact(fact), row.state, plain(row.saga.open)
    text = f"{fact.kind} {fact.code} {fact.detail}".strip()
    record = Record("notice", code=fact.code, detail=fact.detail, note=f"{fact.system}: {text}")
    actions = moves.tell(row, told, record)
    if Action.RETURN in actions:
        open_return(moves, row)
    if Action.SUSPEND not in actions:
        return fact.notice_id, "taken", ""
    if row.state is not before and row.state in PERSONS:  # what they see first is why
        whole = f"{plain(row.quantity)} for {plain(row.amount)}"
        row.detail = f"{_said(fact)}, which does not fit: {is_open} open of {whole}"
    if _was_answered(fact.notice_id):
        return fact.notice_id, "resolved", "told before, in answer to our question"
    reason = f"does not fit: the settlement is {row.state}, {plain(row.saga.open)} open"
    notice = f"{fact.system} {fact.kind}"
    moves.work.publish(_suspended(row.id, notice, reason), tenant=tenant, key=str(row.account_id))
    return fact.notice_id, "suspended", reason


def _said(fact: ClearingNoticeReceived) -> str:
    """What a notice told, for people."""
    quantity = "" if fact.quantity is None else f" {plain(fact.quantity)}"
    amount = "" if fact.amount is None else f" for {plain(fact.amount)}"
    return f"{fact.system} told {fact.kind}{quantity}{amount}"


def _fact(told: ClearingNoticeReceived) -> Fact:
    if told.kind in {NoticeKind.SETTLED, NoticeKind.PARTIAL}:
        if told.quantity is None or told.amount is None:
            return facts.Contradicted()
        # Whether it is the last part is a matter of quantities: notices may overtake each other.
        return facts.Confirmed(told.quantity, told.amount)
    return _PLAIN[NoticeKind(told.kind)]


_PLAIN: Final[dict[NoticeKind, Fact]] = {
    NoticeKind.PENDING: facts.Pending(),
    NoticeKind.FAILING: facts.Failing(),
    NoticeKind.REJECTED: facts.Refused(),
    NoticeKind.CANCELLED: facts.Withdrawn(),
}


def _was_answered(notice: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(ANSWERED, [notice])
        return cursor.fetchone() is not None


def _close(outcomes: Sequence[Outcome], moves: Moves) -> None:
    if not outcomes:
        return
    ids, states, reasons = zip(*outcomes, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(CLOSE, [moves.now, list(ids), list(states), list(reasons)])
