"""What clearing systems tell us over HTTP: signed, of now, and taken as often as it is told."""

import time
from collections.abc import Iterator
from typing import Final

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.exceptions import Fault, fault
from apps.core.money import parse_amount
from apps.core.problems import Malformed
from apps.settlement import services
from apps.settlement.clearing import signing, wire
from apps.settlement.clearing.connections import secret_of
from apps.settlement.clearing.protocol import Notice, NoticeKind
from apps.settlement.clearing.routing import SIMULATOR
from apps.settlement.exceptions import SignatureRefused
from apps.tenants.views import ApiView

TELLING: Final = frozenset({SIMULATOR})
"""Clearing systems that call us."""


class ReceivedOut(serializers.Serializer[None]):
    """What became of a call."""

    new = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Told before: they change nothing.")


class ToldIn(serializers.Serializer[None]):
    """What happened to an instruction; the same `id` again changes nothing."""

    id = serializers.CharField(max_length=200)
    instruction = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField([one.value for one in NoticeKind])
    at = serializers.DateTimeField()
    quantity = serializers.CharField(required=False, allow_null=True)
    amount = serializers.CharField(required=False, allow_null=True)
    code = serializers.CharField(required=False, help_text="Reason, in the words of ISO 20022.")
    detail = serializers.CharField(required=False)


class NoticesIn(serializers.Serializer[None]):
    """At most 500 notices."""

    notices = ToldIn(many=True)


class NoticesView(ApiView):
    """The door of clearing systems; their signature is the key."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        request=NoticesIn,
        responses=ReceivedOut,
        auth=[],
        summary="Notices of a clearing system about our instructions, signed (docs/operations.md)",
    )
    def post(self, request: Request, system: str, participant: int) -> Response:
        """200 once they are kept; the same notices again change nothing."""
        body = request.body
        if not _is_genuine(request, system, participant, body):
            raise SignatureRefused
        received = services.receive_notices(participant, system, _notices(body))
        return Response({"new": received.new, "known": received.known})


def _is_genuine(request: Request, system: str, participant: int, body: bytes) -> bool:
    if system not in TELLING:
        return False
    headers = {name.lower(): text for name, text in request.headers.items()}
    secret = secret_of(participant, system)
    return signing.is_genuine(secret, headers, time.time(), "POST", request.path, body)


def _notices(body: bytes) -> list[Notice]:
    """Raises Malformed with every fault."""
    try:
        told = msgspec.json.decode(body, type=wire.Notices).notices
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(errors=[fault("", "invalid", str(error))]) from error
    faults = [found for number, one in enumerate(told) for found in _faults(number, one)]
    if faults:
        raise Malformed(errors=faults)
    return [
        Notice(
            id=one.id,
            instruction=one.instruction,
            kind=one.kind,
            at=one.at,
            quantity=one.quantity,
            amount=one.amount,
            code=one.code,
            detail=one.detail,
            raw=wire.encode(one).decode(),
        )
        for one in told
    ]


def _faults(number: int, one: wire.Told) -> Iterator[Fault]:
    """What the database would not take."""
    for name in ("id", "instruction", "code", "detail"):
        if not getattr(one, name).isprintable():
            detail = "Printable characters only."
            yield fault(f"notices.{number}.{name}", "invalid_text", detail)
    for name in ("quantity", "amount"):
        try:
            if (value := getattr(one, name)) is not None:
                parse_amount(value)
        except ValueError as error:
            field = f"notices.{number}.{name}"
            yield fault(field, "invalid_amount", f"{error}.")
