"""What the account system tells us over HTTP: signed, of now, and taken once."""

import time

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.exceptions import fault
from apps.core.problems import Malformed
from apps.tenants.selectors import tenant_ids
from apps.tenants.views import ApiView
from apps.trading import services
from apps.trading.account_system import wire
from apps.trading.account_system.wire import Told
from apps.trading.exceptions import SignatureRefused
from apps.webhooks import signing


class AccountsTakenOut(serializers.Serializer[None]):
    """What became of a message, by the number of accounts."""

    applied = serializers.IntegerField()
    stale = serializers.IntegerField(help_text="Known, or older than what is known.")
    unknown = serializers.IntegerField(help_text="There are no such accounts here.")
    contradicting = serializers.IntegerField(
        help_text="Another content under a version that is known: the first counts."
    )


class NoticesView(ApiView):
    """The door of the account system; its signature is the key."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses=AccountsTakenOut,
        auth=[],
        summary="Status and limits of accounts, told by the account system, signed",
    )
    def post(self, request: Request, tenant: int) -> Response:
        """200 once it is taken; the same message again changes nothing."""
        body = request.body
        headers = {name.lower(): text for name, text in request.headers.items()}
        secret = services.secret_of(tenant)
        if tenant not in tenant_ids() or not signing.is_genuine(secret, headers, time.time(), body):
            raise SignatureRefused
        taken = services.take_notice(tenant, headers[signing.UID], body, _told(body))
        return Response(
            {
                "applied": taken.applied,
                "stale": taken.stale,
                "unknown": taken.unknown,
                "contradicting": taken.contradicting,
            }
        )


def _told(body: bytes) -> list[Told]:
    """Raises Malformed with every fault."""
    try:
        told = msgspec.json.decode(body, type=wire.Notice).accounts
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(errors=[fault("", "invalid", str(error))]) from error
    if faults := list(wire.faults(told)):
        raise Malformed(errors=faults)
    return told
