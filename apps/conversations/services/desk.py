"""What the desk writes beside the transcript: notes, tags, replies kept ready; and the customer's rating."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.conversations import broadcasts, selectors
from apps.conversations.events import (
    ConversationNoted,
    ConversationPrioritised,
    ConversationRated,
    ConversationTagged,
)
from apps.conversations.exceptions import (
    AlreadyRated,
    ConversationClosed,
    NoteRefused,
    NotRatable,
    ShortcutTaken,
    UnknownCannedReply,
)
from apps.conversations.lifecycle import OPEN
from apps.conversations.models import CannedReply, Note, Rating
from apps.conversations.models.conversations import PRIORITY_MAX
from apps.conversations.models.desk import SCORE_MAX
from apps.conversations.selectors import ConversationView, NoteView, RatingView
from apps.conversations.services import checks, routing
from apps.conversations.services.locking import lock
from apps.core.exceptions import Fault, fault
from apps.core.ids import uuid7
from apps.events.services import unit_of_work

TAGS_MAX: Final = 20
COMMENT_MAX: Final = 2_000
TAG: Final = re.compile(r"\A[\w][\w-]{0,39}\Z")
_SHORTCUT: Final = re.compile(r"[\w][\w.-]{0,39}")


def add_note(tenant: int, conversation: UUID, *, body: str, by: str) -> NoteView:
    """Write an internal note. Raises `UnknownConversation`, `NoteRefused`."""
    if faults := list(checks.body_faults(body)):
        raise NoteRefused(errors=faults)
    now = timezone.now()
    with unit_of_work() as work:
        row = lock(tenant, conversation)
        note = Note(
            id=uuid7(), tenant_id=tenant, conversation=row, author=by, body=body, written_at=now
        )
        note.save(force_insert=True)
        fact = ConversationNoted(conversation_id=row.pk, note_id=note.pk, by=by, at=now)
        work.publish(fact, tenant=tenant, key=str(row.pk), occurred_at=now)
        view = NoteView(note.pk, by, body, now)
        frame = {"type": "note", "conversation": row.pk, "id": view.id, "author": by,
                 "body": body, "written_at": now}  # fmt: skip
        work.after_commit(lambda: broadcasts.staff_told(tenant, conversation, frame))
    return view


def set_tags(tenant: int, conversation: UUID, *, tags: Iterable[str], by: str) -> ConversationView:
    """These tags and no others. The same again changes nothing.

    Raises `UnknownConversation`, `NoteRefused`.
    """
    wanted = sorted(set(tags))
    if len(wanted) > TAGS_MAX or not all(TAG.fullmatch(tag) for tag in wanted):
        detail = f"At most {TAGS_MAX} tags of letters, digits, _ and -, each up to 40."
        raise NoteRefused(errors=[fault("tags", "bad_tags", detail)])
    now = timezone.now()
    with unit_of_work() as work:
        row = lock(tenant, conversation)
        if row.tags != wanted:
            row.tags, row.version = wanted, row.version + 1
            row.save(update_fields=["tags", "version"])
            fact = ConversationTagged(conversation_id=row.pk, tags=tuple(wanted), by=by, at=now)
            work.publish(fact, tenant=tenant, key=str(row.pk), occurred_at=now)
            view = selectors.view_of(row)
            work.after_commit(lambda: broadcasts.conversation_changed(view))
    return selectors.view_of(row)


def set_priority(tenant: int, conversation: UUID, *, priority: int, by: str) -> ConversationView:
    """Move it forwards or backwards in the line; it counts for later visits to the line, too.

    Raises `UnknownConversation`, `ConversationClosed`, `NoteRefused`.
    """
    if not 0 <= priority <= PRIORITY_MAX:
        detail = f"Between 0 and {PRIORITY_MAX}."
        raise NoteRefused(errors=[fault("priority", "out_of_range", detail)])
    now = timezone.now()
    with unit_of_work() as work:
        row = lock(tenant, conversation)
        if row.state not in OPEN:
            raise ConversationClosed(conversation=str(row.pk), state=row.state)
        if row.priority != priority:
            row.priority, row.version = priority, row.version + 1
            row.save(update_fields=["priority", "version"])
            routing.prioritise(tenant, conversation, priority, by=by)
            fact = ConversationPrioritised(conversation_id=row.pk, priority=priority, by=by, at=now)
            work.publish(fact, tenant=tenant, key=str(row.pk), occurred_at=now)
            view = selectors.view_of(row)
            work.after_commit(lambda: broadcasts.conversation_changed(view))
    return selectors.view_of(row)


def whisper(tenant: int, conversation: UUID, *, body: str, by: str) -> None:
    """A word to the colleague who has the conversation, heard by nobody else and kept nowhere.

    Raises `UnknownConversation`, `NoteRefused`.
    """
    if faults := list(checks.body_faults(body)):
        raise NoteRefused(errors=faults)
    view = selectors.conversation_of(tenant, conversation)
    frame = {"type": "whisper", "conversation": view.id, "sender_id": by, "body": body}
    broadcasts.whispered(view, frame)


def rate(tenant: int, conversation: UUID, *, score: int, comment: str = "") -> RatingView:
    """The customer's rating of the newest closing; once.

    Raises `UnknownConversation`, `NotRatable`, `AlreadyRated`, `NoteRefused`.
    """
    _check_rating(score, comment)
    now = timezone.now()
    with unit_of_work() as work:
        row = lock(tenant, conversation)
        if row.state in OPEN or not row.closings:
            raise NotRatable(conversation=str(row.pk), state=row.state)
        if Rating.objects.filter(conversation=row, closing=row.closings).exists():
            raise AlreadyRated(conversation=str(row.pk), closing=row.closings)
        agent = row.agent_id or row.last_agent_id
        Rating.objects.create(
            tenant_id=tenant, conversation=row, closing=row.closings, score=score,
            comment=comment, agent_id=agent, rated_at=now,
        )  # fmt: skip
        fact = ConversationRated(
            conversation_id=row.pk, closing=row.closings, score=score, agent_id=agent, at=now
        )
        work.publish(fact, tenant=tenant, key=str(row.pk), occurred_at=now)
    return RatingView(row.closings, score, comment, now)


def _check_rating(score: int, comment: str) -> None:
    faults = list(checks.body_faults(comment, empty=True))
    if not 1 <= score <= SCORE_MAX:
        faults.append(fault("score", "out_of_range", f"Between 1 and {SCORE_MAX}."))
    if len(comment) > COMMENT_MAX:
        detail = f"At most {COMMENT_MAX} characters."
        faults.append(fault("comment", "too_long", detail))
    if faults:
        raise NoteRefused(errors=faults)


@dataclass(frozen=True, slots=True)
class ReplyTerms:
    """What a canned reply is to be."""

    shortcut: str
    title: str
    body: str
    language: str = ""
    is_active: bool = True


def save_canned_reply(tenant: int, terms: ReplyTerms, *, reply: UUID | None = None) -> CannedReply:
    """A new reply, or another content of a known one.

    Raises `NoteRefused`, `ShortcutTaken`, `UnknownCannedReply`.
    """
    if faults := list(reply_faults(terms)):
        raise NoteRefused(errors=faults)
    row = CannedReply(tenant_id=tenant) if reply is None else _canned(tenant, reply)
    values: Mapping[str, Any] = {
        name: getattr(terms, name)
        for name in ("shortcut", "title", "body", "language", "is_active")
    }
    for name, value in values.items():
        setattr(row, name, value)
    try:
        # Tells nobody, so no unit of work: the back office calls this inside a transaction of its own.
        with transaction.atomic():
            row.save(force_insert=reply is None)
    except IntegrityError as error:
        if "canned_reply_has_its_own_shortcut" in str(error):
            raise ShortcutTaken(shortcut=terms.shortcut, language=terms.language) from None
        raise
    return row


def delete_canned_reply(tenant: int, reply: UUID) -> None:
    """Forget a reply; what was sent with it stays. Raises `UnknownCannedReply`."""
    _canned(tenant, reply).delete()


def _canned(tenant: int, reply: UUID) -> CannedReply:
    row = CannedReply.objects.for_tenant(tenant).filter(pk=reply).first()
    if row is None:
        raise UnknownCannedReply(reply=str(reply))
    return row


def reply_faults(terms: ReplyTerms) -> Iterable[Fault]:
    """What is wrong with a canned reply."""
    if not _SHORTCUT.fullmatch(terms.shortcut):
        detail = "Letters, digits, _, . and -, up to 40."
        yield fault("shortcut", "bad_shortcut", detail)
    yield from checks.name_faults("title", terms.title, 120)
    yield from checks.body_faults(terms.body)
    yield from checks.language_faults(terms.language)
