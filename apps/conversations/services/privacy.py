"""The right to know and the right to be forgotten.

An erasure blanks what people wrote wherever it lies, and keeps that something was written: places, times and
ids remain, so that what is proven of order and number stays proven. It has two steps. The first is one
transaction: rows are blanked, each conversation's epoch is raised (every copy of its stream is void from then
on), and the receipt is begun. The second removes files and looks, with questions of its own, whether anything is
left; only then is the receipt complete. Whatever stops between the two, the next call or the clock goes on.

The log holds nothing to be blanked (docs/decisions/0017); that is checked, too, not only said.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from apps.conversations import broadcasts
from apps.conversations.events import CustomerErased
from apps.conversations.exceptions import UnknownCustomer
from apps.conversations.lifecycle import OPEN
from apps.conversations.models import Attachment, Conversation, Customer, Erasure
from apps.conversations.selectors import recent
from apps.conversations.services.moving import close
from apps.events.services import unit_of_work
from apps.nlu import selectors as nlu
from apps.nlu.services import forget_answers, forget_texts

# What is blanked, by place. Each takes the conversations' ids, and the time.
BLANK: Final = {
    "messages": """
        UPDATE conversations_message
        SET body = '', data = NULL, client_id = 'erased:' || seq, erased_at = %(now)s
        WHERE conversation_id = ANY(%(ids)s) AND erased_at IS NULL""",
    "notes": """
        UPDATE conversations_note SET body = '', erased_at = %(now)s
        WHERE conversation_id = ANY(%(ids)s) AND erased_at IS NULL""",
    "ratings": """
        UPDATE conversations_rating SET comment = '', erased_at = %(now)s
        WHERE conversation_id = ANY(%(ids)s) AND erased_at IS NULL""",
    "files": """
        UPDATE conversations_attachment SET name = '', digest = '', erased_at = %(now)s
        WHERE conversation_id = ANY(%(ids)s) AND erased_at IS NULL""",
    "sessions": """
        DELETE FROM conversations_session WHERE conversation_id = ANY(%(ids)s)""",
    "imports": """
        UPDATE conversations_importeddialogue SET external_id = 'erased:' || id, source = 'erased'
        WHERE conversation_id = ANY(%(ids)s) AND source <> 'erased'""",
    "undelivered": """
        DELETE FROM conversations_undelivered WHERE conversation_id = ANY(%(ids)s)""",
    "what the bot remembers": """
        DELETE FROM conversations_botmemory WHERE conversation_id = ANY(%(ids)s)""",
    "conversations": """
        UPDATE conversations_conversation
        SET tags = '{}', language = '', epoch = epoch + 1, version = version + 1
        WHERE id = ANY(%(ids)s)""",
}
# What a look afterwards must not find: how many rows of each place still say something.
LEFT: Final = {
    "database: messages": """
        SELECT count(*) FROM conversations_message
        WHERE conversation_id = ANY(%(ids)s) AND (body <> '' OR data IS NOT NULL)""",
    "database: notes and ratings": """
        SELECT (SELECT count(*) FROM conversations_note
                WHERE conversation_id = ANY(%(ids)s) AND body <> '')
             + (SELECT count(*) FROM conversations_rating
                WHERE conversation_id = ANY(%(ids)s) AND comment <> '')""",
    "database: what the bot remembers": """
        SELECT count(*) FROM conversations_botmemory WHERE conversation_id = ANY(%(ids)s)""",
    "database: the customer": """
        SELECT count(*) FROM conversations_customer
        WHERE id = %(customer)s AND (name <> '' OR external_id NOT LIKE 'erased:%%')""",
    # By the very expression that the index holds: a word that could still be found is one too many.
    "search": """
        SELECT count(*) FROM conversations_message
        WHERE conversation_id = ANY(%(ids)s)
          AND length(to_tsvector('simple', 't' || tenant_id || ' ' || body)) > 1""",
}
TOLD: Final = """
SELECT count(*) FROM events_event
WHERE key = ANY(%s) AND EXISTS (
    SELECT FROM unnest(%s::text[]) AS word
    WHERE strpos(lower(data::text || headers::text), lower(word)) > 0)
"""
"""How many facts of these keys hold one of these words; asked before the words are gone."""
SHORTEST: Final = 4
"""Names shorter than this are found in anything, and looking for them in the log proves nothing."""


def erase_customer(tenant: int, customer: UUID, *, by: str) -> Erasure:
    """Forget a customer; the receipt. Again for the same customer gives the same receipt.

    Open conversations are closed first, so that nothing is written behind the erasure's back.
    Raises `UnknownCustomer`.
    """
    receipt = _blank(tenant, customer, by)
    return _finish(receipt) if receipt.ended_at is None else receipt


def resume_erasures() -> int:
    """Finish erasures that were stopped between their two steps; how many."""
    left = list(Erasure.objects.filter(ended_at=None).order_by("pk")[:100])
    for row in left:
        _finish(row)
    return len(left)


def _blank(tenant: int, customer: UUID, by: str) -> Erasure:
    now = timezone.now()
    with unit_of_work() as work:
        rows = Customer.objects.for_tenant(tenant).select_for_update()
        row = rows.filter(pk=customer).first()
        if row is None:
            raise UnknownCustomer(customer=str(customer))
        if row.erased_at is not None:
            return Erasure.objects.for_tenant(tenant).filter(customer_id=customer)[0]
        ids = _close_all(tenant, customer, by)
        told = _look_into_log(row, ids)
        counts = _blank_rows(ids, now) | {"what was understood": forget_texts(tenant, ids)}
        row.external_id, row.name, row.language = f"erased:{row.pk}", "", ""
        row.erased_at = now
        row.save(update_fields=["external_id", "name", "language", "erased_at"])
        receipt = Erasure.objects.create(
            tenant_id=tenant,
            customer_id=customer,
            by=by,
            counts=counts,
            checks=[told],
            began_at=now,
        )
        fact = CustomerErased(
            customer_id=customer, erasure_id=receipt.pk, conversation_ids=tuple(ids), at=now
        )
        work.publish(fact, tenant=tenant, key=str(customer), occurred_at=now)
        work.after_commit(lambda: _tell(tenant, ids))
    return receipt


def _close_all(tenant: int, customer: UUID, by: str) -> list[UUID]:
    rows = Conversation.objects.for_tenant(tenant).filter(customer_id=customer).order_by("pk")
    for uid, state in rows.values_list("pk", "state"):
        if state in OPEN:
            close(tenant, uid, by=by, reason="erased", wrap_up=False)
    # Locked one and all: what is being written now is blanked, too, or comes too late.
    return list(rows.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))


def _look_into_log(row: Customer, ids: Sequence[UUID]) -> dict[str, Any]:
    words = [word for word in (row.external_id, row.name) if len(word) >= SHORTEST]
    with connection.cursor() as cursor:
        cursor.execute(TOLD, [[str(one) for one in (*ids, row.pk)], words])
        return _check("the event log", int(cursor.fetchone()[0]))


def _blank_rows(ids: Sequence[UUID], now: datetime) -> dict[str, int]:
    counts = {}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lockstep.erasing = 'on'")
        for place, statement in BLANK.items():
            cursor.execute(statement, {"ids": list(ids), "now": now})
            counts[place] = int(cursor.rowcount)
        cursor.execute("SET LOCAL lockstep.erasing = 'off'")
    return counts


def _tell(tenant: int, ids: Sequence[UUID]) -> None:
    recent.forget(tenant, ids)
    epochs = Conversation.objects.for_tenant(tenant).filter(pk__in=ids)
    for uid, epoch in epochs.values_list("pk", "epoch"):
        broadcasts.stream_rewritten(tenant, uid, epoch)


def _finish(receipt: Erasure) -> Erasure:
    """Remove the files, look at every place, and complete the receipt."""
    ids = list(
        Conversation.objects.for_tenant(receipt.tenant_id)
        .filter(customer_id=receipt.customer_id)
        .values_list("pk", flat=True)
    )
    files = Attachment.objects.for_tenant(receipt.tenant_id).filter(conversation_id__in=ids)
    for path in files.exclude(path="").values_list("path", flat=True):
        default_storage.delete(path)
    recent.forget(receipt.tenant_id, ids)
    left = [path for path in files.values_list("path", flat=True) if _is_there(path)]
    with unit_of_work():
        if not left:
            files.update(path="")
        receipt.checks = [*receipt.checks[:1], *_look(receipt, ids), _check("files", len(left))]
        receipt.ended_at = timezone.now()
        receipt.save(update_fields=["checks", "ended_at"])
    return receipt


def _look(receipt: Erasure, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    found = []
    params: dict[str, Any] = {"ids": list(ids), "customer": receipt.customer_id}
    with connection.cursor() as cursor:
        for place, question in LEFT.items():
            cursor.execute(question, params)
            found.append(_check(place, int(cursor.fetchone()[0])))
    understood = nlu.turns_with_words(receipt.tenant_id, ids).count()
    found.append(_check("database: what was understood", understood))
    # What caches and screens hold, they hold under an epoch that is over.
    stale = Conversation.objects.filter(pk__in=ids, epoch=1).count()
    found.append(_check("caches and screens: epochs not raised", stale))
    answers = forget_answers(receipt.tenant_id)
    found.append(_check("caches: what was understood", answers))
    return [*found, _check("caches: copies in Redis", recent.kept(receipt.tenant_id, ids))]


def _check(place: str, count: int) -> dict[str, Any]:
    return {"place": place, "ok": count == 0, "found": count}


def _is_there(path: str) -> bool:
    return bool(path) and default_storage.exists(path)
