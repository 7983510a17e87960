"""Files: taken if their bytes are of a kind that we know to be harmless, and kept under a name of ours.

What a sender calls a file says nothing about it. A picture that is a script, a page that calls itself a
text: the bytes decide, and only what is on the list is kept. Files are handed out with their true type,
as downloads, to whoever may read the conversation (`api/attachments.py`).
"""

import hashlib
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

import filetype
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.conversations import selectors
from apps.conversations.exceptions import AttachmentRefused
from apps.conversations.models import Attachment, MessageKind
from apps.conversations.services.sending import Draft, Sent, send_messages
from apps.core.exceptions import Fault, fault
from apps.core.ids import uuid7
from apps.events.services import unit_of_work

ALLOWED: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "text/plain": "txt",
}
"""What is taken, by what the bytes say. No SVG and no HTML: they can carry scripts."""
NAME_MAX: Final = 120
_MARKUP: Final = (b"<!doctype", b"<html", b"<svg", b"<script", b"<?xml", b"<head", b"<body")
_SNIFFED: Final = 1024  # bytes in which a browser would look for markup


def store_attachment(
    tenant: int,
    conversation: UUID,
    *,
    sender: str,
    client_id: str,
    name: str,
    content: bytes,
    sender_id: str = "",
) -> Sent:
    """Send a file as a message; the same `client_id` again gives the same message, and keeps no second file.

    Raises `AttachmentRefused`, and what `send_message` raises.
    """
    shown, kind = clean_name(name), kind_of(content)
    limit = selectors.policy_of(tenant).attachment_bytes
    if faults := list(_faults(content, kind, limit)):
        raise AttachmentRefused(errors=faults)
    uid = uuid7()
    path = f"attachments/{tenant}/{uid.hex[-2:]}/{uid}.{ALLOWED[kind]}"
    details = {
        "id": str(uid),
        "name": shown,
        "content_type": kind,
        "size": len(content),
        "url": f"/api/v1/conversations/{conversation}/attachments/{uid}",
    }
    draft = Draft(
        conversation, sender, client_id, "", sender_id, MessageKind.ATTACHMENT, data=details
    )
    # The file first: one without a message is swept up later, a message without its file is a lie.
    stored = default_storage.save(path, ContentFile(content))
    try:
        sent = _send(tenant, draft, uid, stored, content, details)
    except BaseException:
        default_storage.delete(stored)
        raise
    if not sent.is_new:
        default_storage.delete(stored)
    return sent


def _send(
    tenant: int, draft: Draft, uid: UUID, path: str, content: bytes, details: dict[str, Any]
) -> Sent:
    with unit_of_work():
        (sent,) = send_messages(tenant, [draft])
        if sent.refusal is not None:
            raise sent.refusal
        if sent.is_new:
            Attachment.objects.create(
                id=uid,
                tenant_id=tenant,
                conversation_id=draft.conversation,
                name=details["name"],
                content_type=details["content_type"],
                size=len(content),
                digest=hashlib.sha256(content).digest(),
                path=path,
                stored_at=timezone.now(),
            )
    return sent


def kind_of(content: bytes) -> str:
    """The media type that the bytes have; empty where it is none that we know."""
    found = filetype.guess_mime(content)
    if found is not None:
        return str(found)
    head = content[:_SNIFFED].lstrip().lower()
    if any(mark in head for mark in _MARKUP) or b"\0" in content:
        return ""
    try:
        content.decode()
    except UnicodeDecodeError:
        return ""
    return "text/plain"


def clean_name(name: str) -> str:
    """A name to be shown: the last part of a path, one line, no control or direction marks."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = "".join(one for one in last if unicodedata.category(one)[0] != "C")
    stem, dot, ending = kept.strip(" .").rpartition(".")
    shown = f"{stem[: NAME_MAX - len(ending) - 1]}{dot}{ending}" if dot else ending
    return shown[:NAME_MAX] or "file"


def _faults(content: bytes, kind: str, limit: int) -> Iterator[Fault]:
    if not content:
        yield fault("file", "empty", "The file is empty.")
    if len(content) > limit:
        yield fault("file", "too_large", f"A file has at most {limit} bytes.")
    if content and kind not in ALLOWED:
        detail = f"Files are taken of these kinds: {', '.join(ALLOWED)}."
        yield fault("file", "bad_kind", detail)
