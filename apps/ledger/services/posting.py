"""Post entries: the only writer of the journal. Set-based, idempotent per source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.core.ids import uuid7
from apps.events.services import UnitOfWork, unit_of_work
from apps.ledger.events import EntriesPosted, PostedEntry
from apps.ledger.exceptions import MonthArchived, SourceTaken
from apps.ledger.journal import EntryDraft, check_balanced
from apps.ledger.services import arrays
from apps.ledger.services.accounts import AccountKey, accounts_of
from apps.ledger.services.refusals import in_our_words

INSERT_ENTRIES = """
INSERT INTO ledger_journalentry (id, tenant_id, kind, source, reverses_id, owner, trade_id,
                                 partition, leg_count, effective_at, booked_at)
SELECT id, tenant, kind, source, reverses, owner, trade, %s, legs, effective_at, %s
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::uuid[],
            %s::smallint[], %s::timestamptz[])
     AS u (id, tenant, kind, source, reverses, owner, trade, legs, effective_at)
ON CONFLICT (tenant_id, source) DO NOTHING
RETURNING id
"""
INSERT_POSTINGS = """
INSERT INTO ledger_posting (entry_id, leg, ledger_account_id, asset, amount, booked_at, tenant_id)
SELECT entry, leg, account, asset, amount, %s, tenant
FROM unnest(%s::uuid[], %s::smallint[], %s::bigint[], %s::text[], %s::numeric[], %s::int[])
     AS u (entry, leg, account, asset, amount, tenant)
"""
# LIMIT keeps the planner from reading the whole journal: it is one look-up per source.
KNOWN_ENTRIES = """
SELECT e.tenant_id, e.source, e.id, e.kind, e.reverses_id, e.booked_at,
       array_agg(p.ledger_account_id), array_agg(p.asset), array_agg(p.amount), count(p.leg)
FROM unnest(%s::int[], %s::text[]) AS u (tenant, source)
CROSS JOIN LATERAL (
    SELECT * FROM ledger_journalentry j
    WHERE j.tenant_id = u.tenant AND j.source = u.source LIMIT 1
) AS e
LEFT JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
GROUP BY e.tenant_id, e.source, e.id, e.kind, e.reverses_id, e.booked_at
"""


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of a draft: its entry, and whether this call booked it."""

    id: UUID
    draft: EntryDraft
    booked_at: datetime
    is_new: bool


def post_entries(
    drafts: Sequence[EntryDraft], *, partition: int, booked_at: datetime | None = None
) -> list[Booked]:
    """Book entries and tell of them, all or nothing; those booked before are left as they are.

    `partition` is a log partition that the caller drains, the first of several: the house's balances
    are kept apart by it, so that drains do not wait for one another. Booked now unless a time (UTC)
    is given. Raises SourceTaken where a source was booked with other content, MonthArchived where
    that cannot be compared, and EntryRefused or AlreadyReversed where the journal refuses.
    """
    for draft in drafts:
        check_balanced(draft)
    if not drafts:
        return []
    with unit_of_work() as work, in_our_words():
        at = _not_before_what_is_reversed(drafts, booked_at or timezone.now())
        accounts = accounts_of(drafts)
        offered = [(uuid7(), draft) for draft in drafts]
        new = _insert_entries(offered, partition, at)
        _insert_postings([one for one in offered if one[0] in new], accounts, at)
        known = _confirm_known([draft for uid, draft in offered if uid not in new], accounts)
        booked = [
            Booked(uid, draft, at, is_new=True) if uid in new else known[draft.tenant, draft.source]
            for uid, draft in offered
        ]
        _tell(work, [one for one in booked if one.is_new])
    return booked


def _not_before_what_is_reversed(drafts: Sequence[EntryDraft], at: datetime) -> datetime:
    """The time to book at: a reversal follows its entry, also where a clock was set back."""
    reversed_ids = [one.reverses for one in drafts if one.reverses]
    if not reversed_ids:
        return at
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(booked_at) FROM ledger_journalentry WHERE id = ANY(%s::uuid[])",
            [arrays.uuids(reversed_ids)],
        )
        (latest,) = cursor.fetchone()
    return max(at, latest or at)


def _insert_entries(
    offered: Sequence[tuple[UUID, EntryDraft]], partition: int, at: datetime
) -> set[UUID]:
    """Write headers; the ids of those whose source is new."""
    # By source: two writers of the same sources wait for each other, but never in a circle.
    ordered = sorted(offered, key=lambda one: (one[1].tenant, one[1].source))
    ids, entries = zip(*ordered, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT_ENTRIES,
            [
                partition,
                at,
                arrays.uuids(ids),
                arrays.numbers(one.tenant for one in entries),
                arrays.texts(one.kind for one in entries),
                arrays.texts(one.source for one in entries),
                arrays.uuids(one.reverses for one in entries),
                arrays.uuids(one.owner for one in entries),
                arrays.uuids(one.trade_id for one in entries),
                arrays.numbers(len(one.legs) for one in entries),
                arrays.times(one.effective_at for one in entries),
            ],
        )
        return {uid for (uid,) in cursor.fetchall()}


def _insert_postings(
    new: Sequence[tuple[UUID, EntryDraft]],
    accounts: Mapping[AccountKey, int],
    at: datetime,
) -> None:
    """Write all legs in one statement: the trigger checks entries as wholes."""
    if not new:
        return
    legs = [(uid, draft.tenant, leg) for uid, draft in new for leg in draft.legs]
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT_POSTINGS,
            [
                at,
                arrays.uuids(uid for uid, _, _ in legs),
                arrays.numbers(n for _, draft in new for n in range(1, len(draft.legs) + 1)),
                arrays.numbers(accounts[tenant, leg.code, leg.owner] for _, tenant, leg in legs),
                arrays.texts(leg.asset for _, _, leg in legs),
                arrays.numbers(leg.amount for _, _, leg in legs),
                arrays.numbers(tenant for _, tenant, _ in legs),
            ],
        )


def _confirm_known(
    drafts: Sequence[EntryDraft], accounts: Mapping[AccountKey, int]
) -> dict[tuple[int, str], Booked]:
    """The entries of sources that were booked before. Raises SourceTaken where one differs."""
    if not drafts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_ENTRIES, [[d.tenant for d in drafts], [d.source for d in drafts]])
        rows = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    known: dict[tuple[int, str], Booked] = {}
    for draft in drafts:
        uid, kind, reverses, at, ids, assets, amounts, count = rows[draft.tenant, draft.source]
        if not count:  # an entry has legs: these are in a file, and nobody can compare them
            raise MonthArchived(month=f"{at:%Y-%m}", entry=str(uid))
        legs = {
            (accounts[draft.tenant, leg.code, leg.owner], leg.asset, leg.amount)
            for leg in draft.legs
        }
        for name, is_same in (
            ("kind", kind == draft.kind),
            ("reverses", reverses == draft.reverses),
            ("legs", legs == set(zip(ids, assets, amounts, strict=True))),
        ):
            if not is_same:
                raise SourceTaken(source=draft.source, field=name, entry=str(uid))
        known[draft.tenant, draft.source] = Booked(uid, draft, at, is_new=False)
    return known


def _tell(work: UnitOfWork, booked: Sequence[Booked]) -> None:
    """One fact per client account for all that was booked; the house's own entries tell nobody."""
    owned = sorted(
        (one for one in booked if one.draft.owner is not None),
        key=lambda one: (one.draft.tenant, str(one.draft.owner)),
    )
    for (tenant, owner), group in groupby(
        owned, key=lambda one: (one.draft.tenant, one.draft.owner)
    ):
        if owner is not None:
            fact = EntriesPosted(account_id=owner, entries=tuple(map(_posted, group)))
            work.publish(fact, tenant=tenant, key=str(owner))


def _posted(one: Booked) -> PostedEntry:
    return PostedEntry(
        id=one.id,
        kind=str(one.draft.kind),
        source=one.draft.source,
        trade_id=one.draft.trade_id,
        effective_at=one.draft.effective_at,
        booked_at=one.booked_at,
    )
