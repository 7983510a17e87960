"""How a request is read: its body or its query through a form, every fault named."""

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from apps.core.problems import Malformed
from apps.tenants.pagination import refuse_unknown


def read_form(form: type[Serializer[Any]], data: Any, *, partial: bool = False) -> dict[str, Any]:
    """The validated body; with `partial` only what is there. Raises DRF's ValidationError."""
    given = form(data=data, partial=partial)
    given.is_valid(raise_exception=True)
    found: dict[str, Any] = given.validated_data
    return found


def read_query(form: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated query. Raises `Malformed` where a parameter means nothing here."""
    if faults := refuse_unknown(request, {*form().fields, "format"}):
        raise Malformed(errors=faults)
    return read_form(form, request.query_params)


def filters_of(request: Request, *names: str) -> dict[str, str]:
    """Those of the filters that the request names."""
    return {name: value for name in names if (value := request.query_params.get(name))}
