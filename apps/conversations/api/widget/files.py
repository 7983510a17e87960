"""Files of a visitor's conversation."""

from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import selectors, services
from apps.conversations.api import serializers as common
from apps.conversations.api.attachments import file_response
from apps.conversations.api.widget import serializers as wire
from apps.conversations.api.widget.views import own
from apps.conversations.api.widget.visitors import SiteView, UploadThrottle, visitor_in
from apps.conversations.lifecycle import Sender
from apps.tenants.forms import read_form


class VisitorAttachmentsView(SiteView):
    """Files in."""

    parser_classes = (MultiPartParser,)
    throttle_classes = (UploadThrottle,)

    @extend_schema(
        request={"multipart/form-data": wire.VisitorAttachmentIn},
        responses={201: common.MessageOut, 200: common.MessageOut},
        summary="Send a file",
    )
    def post(self, request: Request) -> Response:
        """201 with the message; 200 if it had been sent before."""
        terms = read_form(wire.VisitorAttachmentIn, request.data)
        view = own(visitor_in(request), terms["conversation"])
        upload, limit = terms["file"], selectors.policy_of(view.tenant_id).attachment_bytes
        sent = services.store_attachment(
            view.tenant_id,
            view.id,
            sender=Sender.CUSTOMER.value,
            client_id=terms["client_id"],
            name=upload.name,
            content=upload.read(limit + 1),
        )
        return Response(common.message_out(sent.the_message), status=201 if sent.is_new else 200)


class VisitorAttachmentView(SiteView):
    """A file out."""

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, summary="A file"
    )
    def get(self, request: Request, conversation: UUID, attachment: UUID) -> HttpResponseBase:
        """The bytes; 404 where it is not of the visitor's own conversation."""
        view = own(visitor_in(request), conversation)
        return file_response(selectors.attachment_of(view.tenant_id, view.id, attachment))
