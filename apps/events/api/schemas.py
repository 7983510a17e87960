"""The schemas of events, in the shape of the Confluent Schema Registry's read API.

Subjects are named after the record (RecordNameStrategy): an event's name. A schema's id is made of
name and version, so it is the same in every installation.
"""

import zlib
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.problems import dumps
from apps.events.contracts import TOPICS, Contract, contracts
from apps.events.exceptions import UnknownSubject
from apps.tenants.views import ApiView

KIND: Final = "JSON"
LATEST: Final = ("latest", "-1")


class SchemaOut(serializers.Serializer[Any]):
    """A schema by its id."""

    schemaType = serializers.CharField()  # noqa: N815 - the registry's own spelling
    schema = serializers.CharField(help_text="JSON Schema (2020-12) of an event's `data`, as text.")


class SubjectVersionOut(SchemaOut):
    """A version of a subject."""

    subject = serializers.CharField()
    version = serializers.IntegerField()
    id = serializers.IntegerField()


def schema_id(contract: Contract) -> int:
    """A positive number of 31 bits."""
    return zlib.crc32(f"{contract.name}:{contract.version}".encode()) & 0x7FFF_FFFF


def _told() -> list[Contract]:
    return [one for one in contracts() if one.topic in TOPICS]


def _shown(one: Contract) -> dict[str, Any]:
    return {
        "subject": one.name,
        "version": one.version,
        "id": schema_id(one),
        "schemaType": KIND,
        "schema": dumps(one.schema()).decode(),
    }


def _subject(name: str) -> Contract:
    for one in _told():
        if one.name == name:
            return one
    raise UnknownSubject(subject=name, error_code=40401)


class SchemasView(ApiView):
    """All schemas."""

    @extend_schema(
        responses=SubjectVersionOut(many=True),
        operation_id="events_schemas",
        summary="The schema of every event in its present version",
    )
    def get(self, request: Request) -> Response:
        """By subject."""
        return Response([_shown(one) for one in _told()])


class SubjectsView(ApiView):
    """The subjects."""

    @extend_schema(
        responses={200: {"type": "array", "items": {"type": "string"}}},
        operation_id="events_schema_subjects",
        summary="Names of events that have a schema",
    )
    def get(self, request: Request) -> Response:
        """By name."""
        return Response([one.name for one in _told()])


class VersionsView(ApiView):
    """The versions of a subject."""

    @extend_schema(
        responses={200: {"type": "array", "items": {"type": "integer"}}},
        operation_id="events_schema_versions",
        summary="Versions of an event whose schema is here: the present one",
    )
    def get(self, request: Request, subject: str) -> Response:
        """Older ones are read through upcasters: the log's readers get the present form."""
        return Response([_subject(subject).version])


class VersionView(ApiView):
    """One version of a subject."""

    @extend_schema(
        responses=SubjectVersionOut,
        operation_id="events_schema_version",
        summary="The schema of an event: a version's number, or `latest`",
    )
    def get(self, request: Request, subject: str, version: str) -> Response:
        """404 where there is no such version."""
        found = _subject(subject)
        if version not in (*LATEST, str(found.version)):
            raise UnknownSubject(subject=subject, version=version, error_code=40402)
        return Response(_shown(found))


class SchemaView(ApiView):
    """A schema by its id."""

    @extend_schema(
        responses=SchemaOut, operation_id="events_schema", summary="The schema of this id"
    )
    def get(self, request: Request, schema: int) -> Response:
        """404 where there is none."""
        for one in _told():
            if schema_id(one) == schema:
                shown = _shown(one)
                return Response({name: shown[name] for name in ("schemaType", "schema")})
        raise UnknownSubject(id=schema, error_code=40403)
