"""Files of conversations: in by a form, out as downloads to whoever may read the conversation."""

from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import selectors, services
from apps.conversations.api import serializers as wire
from apps.conversations.api.callers import sender_of
from apps.conversations.api.fields import TextField
from apps.conversations.exceptions import UnknownAttachment
from apps.conversations.selectors import AttachmentView as Stored
from apps.tenants.authentication import tenant_of
from apps.tenants.forms import StrictForm, read_form
from apps.tenants.permissions import ConversationsWrite
from apps.tenants.views import ApiView

INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Pictures may be shown in a page; everything else is only ever saved."""


class AttachmentIn(StrictForm):
    """A file to be sent."""

    file = serializers.FileField(max_length=1_000, allow_empty_file=True)
    client_id = TextField(help_text="Yours; the same one again is the same message.")
    sender = TextField(required=False, help_text="As with messages.")


class AttachmentsView(ApiView):
    """Files in."""

    permission_classes = (ConversationsWrite,)
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": AttachmentIn},
        responses={201: wire.MessageOut, 200: wire.MessageOut},
        summary="Send a file as a message",
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """201 with the message; 200 if it had been sent before."""
        tenant = tenant_of(request).pk
        selectors.position_of(tenant, conversation)
        terms = read_form(AttachmentIn, request.data)
        sender, sender_id = sender_of(request, terms.pop("sender", None))
        upload = terms["file"]
        limit = selectors.policy_of(tenant).attachment_bytes
        sent = services.store_attachment(
            tenant,
            conversation,
            sender=sender,
            sender_id=sender_id,
            client_id=terms["client_id"],
            name=upload.name,
            content=upload.read(limit + 1),
        )
        return Response(wire.message_out(sent.the_message), status=201 if sent.is_new else 200)


class AttachmentView(ApiView):
    """A file out."""

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, summary="A file"
    )
    def get(self, request: Request, conversation: UUID, attachment: UUID) -> HttpResponseBase:
        """The bytes; 404 where this tenant has no such file in this conversation."""
        found = selectors.attachment_of(tenant_of(request).pk, conversation, attachment)
        return file_response(found)


def file_response(found: Stored) -> HttpResponseBase:
    """A file on its way out: with its true type, kept from running anything, and not for sharing.

    Raises `UnknownAttachment` where the storage has lost it.
    """
    try:
        stream: Any = default_storage.open(found.path)
    except FileNotFoundError:
        raise UnknownAttachment(attachment=str(found.id)) from None
    response = FileResponse(
        stream,
        as_attachment=found.content_type not in INLINE,
        filename=found.name,
        content_type=found.content_type,
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, max-age=300"
    return response
