"""How a request is read: the body or the query through a form, every fault named."""

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from apps.core.problems import Malformed
from apps.tenants.pagination import refuse_unknown


def asked(form: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """The validated query or body. Raises DRF's ValidationError."""
    given = form(data=data)
    given.is_valid(raise_exception=True)
    found: dict[str, Any] = given.validated_data
    return found


def query(form: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated query. Raises `Malformed` where a parameter means nothing here."""
    if faults := refuse_unknown(request, {*form().fields, "format"}):
        raise Malformed(errors=faults)
    return asked(form, request.query_params)
