"""Problems: every failure is an RFC 9457 object; JSON in is strict, JSON out is exact."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError, connection
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext_lazy
from django.views import View
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView
from structlog.testing import capture_logs

from apps.core.exceptions import Conflict, Rejected, Unavailable
from apps.core.problems import (
    FloatRefused,
    Malformed,
    dumps,
    handle_exception,
    problem,
    problem_of,
)


class LimitReached(Rejected):
    """This order goes beyond the account's limit."""


def answer(error: Exception) -> Response:
    return handle_exception(error, {"view": View()})


def body_of(error: Exception) -> dict:
    """What a client reads: through JSON and back."""
    return json.loads(dumps(answer(error).data))


class TestProblem:
    def test_a_refusal_becomes_every_member_of_the_standard_and_its_facts(self) -> None:
        assert body_of(LimitReached(limit=Decimal("10.5"), account="ACC-1")) == {
            "type": "/api/docs/problems#limit_reached",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "This order goes beyond the account's limit.",
            "code": "limit_reached",
            "limit": "10.5",
            "account": "ACC-1",
        }

    def test_its_content_type_is_the_standards(self) -> None:
        assert answer(LimitReached()).content_type == "application/problem+json"

    def test_a_fact_never_replaces_a_member_of_the_standard(self) -> None:
        facts = {"status": 200, "type": "x", "title": "x", "detail": "x", "code": "x", "other": 1}

        body = problem_of(Conflict("Someone was first.", **facts))

        assert body["status"] == 409
        assert body["code"] == "conflict"
        assert body["detail"] == "Someone was first."
        assert body["other"] == 1

    def test_several_reasons_are_all_there(self) -> None:
        errors = [{"field": "price", "code": "off_tick", "detail": "…"}, {"field": "quantity"}]

        assert body_of(Rejected(errors=errors))["errors"] == errors


class TestWhatBecomesOfAnError:
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (Http404("no such row"), 404, "not_found"),
            (PermissionDenied(), 403, "forbidden"),
            (drf.NotFound(), 404, "not_found"),
            (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
            (drf.UnsupportedMediaType("text/csv"), 415, "unsupported_media_type"),
            (drf.ParseError(), 400, "parse_error"),
            (UnreadablePostError("connection reset"), 400, "malformed"),
            (OperationalError("server closed the connection"), 503, "unavailable"),
            (InterfaceError("connection already closed"), 503, "unavailable"),
            (RuntimeError("secret"), 500, "internal_error"),
            (DataError("numeric field overflow"), 500, "internal_error"),
        ],
    )
    def test_it_has_its_status_and_code(self, error: Exception, status: int, code: str) -> None:
        response = answer(error)

        assert response.status_code == status
        assert response.data["status"] == status
        assert response.data["code"] == code

    def test_an_unexpected_error_is_logged_and_says_nothing_of_itself(self) -> None:
        with capture_logs() as lines:
            body = body_of(RuntimeError("secret"))

        assert "secret" not in json.dumps(body)
        assert [line["log_level"] for line in lines] == ["error"]
        assert lines[0]["view"] == "View"

    def test_a_nul_in_an_address_is_the_senders_fault(self, transactional_db: None) -> None:
        with connection.cursor() as cursor, pytest.raises(DataError) as raised:
            cursor.execute("SELECT %s::text", ["a\x00b"])

        assert answer(raised.value).status_code == 400

    @pytest.mark.parametrize("error", [Unavailable(), OperationalError("down")])
    def test_an_outage_says_when_to_try_again(self, error: Exception) -> None:
        assert answer(error)["Retry-After"] == "1"

    def test_who_is_not_signed_in_is_told_how(self) -> None:
        response = answer(drf.NotAuthenticated())

        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"

    def test_who_is_throttled_is_told_for_how_long(self) -> None:
        response = answer(drf.Throttled(wait=2.5))

        assert response.status_code == 429
        assert response["Retry-After"] == "3"


class LegIn(serializers.Serializer):
    amount = serializers.CharField()
    side = serializers.ChoiceField(choices=["debit", "credit"])


class EntryIn(serializers.Serializer):
    reference = serializers.CharField(max_length=3)
    legs = LegIn(many=True)

    def validate(self, attrs: dict) -> dict:
        raise serializers.ValidationError("It does not balance.", code="unbalanced")


def faults_of(data: object) -> list[dict]:
    entry = EntryIn(data=data)
    entry.is_valid()
    body = body_of(drf.ValidationError(entry.errors))
    assert body["status"] == 400
    assert body["code"] == "malformed"
    return body["errors"]


class TestFaults:
    def test_each_names_its_field_by_path(self) -> None:
        faults = faults_of(
            {"reference": "long", "legs": [{"amount": "1", "side": "debit"}, {"side": "left"}]}
        )

        assert [(fault["field"], fault["code"]) for fault in faults] == [
            ("reference", "max_length"),
            ("legs.1.amount", "required"),
            ("legs.1.side", "invalid_choice"),
        ]
        assert all(fault["detail"] for fault in faults)

    def test_a_fault_of_the_whole_has_no_field(self) -> None:
        faults = faults_of({"reference": "abc", "legs": [{"amount": "1", "side": "debit"}]})

        assert faults == [{"field": "", "code": "unbalanced", "detail": "It does not balance."}]

    def test_a_body_that_is_no_object_is_a_fault_too(self) -> None:
        assert [fault["code"] for fault in faults_of([])] == ["invalid"]


@pytest.fixture
def post(settings: object) -> Callable[..., Response]:
    """Post a raw body to a view that answers with what it parsed."""

    class EchoView(APIView):
        authentication_classes = ()
        permission_classes = ()

        def post(self, request: Request) -> Response:
            return Response({"parsed": request.data})

    def send(body: str | bytes, content_type: str = "application/json") -> Response:
        raw = body.encode() if isinstance(body, str) else body
        request = APIRequestFactory().generic("POST", "/", raw, content_type=content_type)
        return EchoView.as_view()(request).render()

    return send


class TestStrictJson:
    def test_text_whole_numbers_and_nesting_arrive_as_they_are(
        self, post: Callable[..., Response]
    ) -> None:
        sent = {"a": "1.50", "n": 10**30, "l": [True, None, {"ü": "\U0001f642"}]}

        assert post(json.dumps(sent)).data == {"parsed": sent}
        assert post(json.dumps(sent, ensure_ascii=False)).data == {"parsed": sent}

    @pytest.mark.parametrize("number", ["0.1", "1e5", "-0.0", "NaN", "Infinity", "-Infinity"])
    def test_a_float_arrives_as_the_text_that_was_sent_and_is_known_as_one(
        self, post: Callable[..., Response], number: str
    ) -> None:
        arrived = post(f'{{"price": {number}}}').data["parsed"]["price"]

        assert arrived == number
        assert isinstance(arrived, FloatRefused)

    @pytest.mark.parametrize(
        "body",
        [
            "{",
            "{'a': 1}",
            '{"a": 1} {"b": 2}',
            '{"price": "1", "price": "2"}',
            '{"deep": {"a": 1, "a": 1}}',
            "[" * 100_000,
            "1" * 5_000,
            b'{"a": "\xff"}',
            '{"a": 1}'.encode("utf-16"),
            r'{"a": "\ud800"}',
            r'{"a": ["\uDC00 \ud83d"]}',
            r'{"\udfff": 1}',
        ],
        ids=lambda body: repr(body[:20]),
    )
    def test_what_is_not_one_clear_value_is_refused(
        self, post: Callable[..., Response], body: str | bytes
    ) -> None:
        response = post(body)

        assert response.status_code == 400
        assert response.data["code"] == "parse_error"
        assert json.loads(response.content)["detail"].startswith("The body is not valid JSON")

    def test_a_whole_surrogate_pair_is_one_character(self, post: Callable[..., Response]) -> None:
        assert post(r'{"a": "\ud83d\ude42"}').data == {"parsed": {"a": "\U0001f642"}}

    def test_a_body_beyond_the_limit_is_refused_before_it_is_parsed(
        self, post: Callable[..., Response], settings: object
    ) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

        assert post('"' + "x" * 98 + '"').status_code == 200
        response = post('"' + "x" * 99 + '"')
        assert response.status_code == 413
        assert response.data["bytes_max"] == 100

    def test_another_kind_of_body_is_refused(self, post: Callable[..., Response]) -> None:
        assert post("a=1", "application/x-www-form-urlencoded").status_code == 415


class TestJsonOut:
    def test_values_have_their_standard_text(self) -> None:
        uid = UUID("0190b6a5-7c3e-7000-8000-000000000001")
        value = {
            "amount": Decimal("99999999999999999999.999999999999999999"),
            "id": uid,
            "at": datetime(2026, 1, 2, 3, 4, 5, 678900, UTC),
            "on": date(2026, 1, 2),
            "lazy": gettext_lazy("text"),
            "fault": drf.ErrorDetail("wrong", code="c"),
        }

        assert json.loads(dumps(value)) == {
            "amount": "99999999999999999999.999999999999999999",
            "id": str(uid),
            "at": "2026-01-02T03:04:05.678900Z",
            "on": "2026-01-02",
            "lazy": "text",
            "fault": "wrong",
        }

    def test_what_a_serializer_returns_is_a_list_not_its_text(self) -> None:
        rows = LegIn([{"amount": "1", "side": "debit"}], many=True)

        assert dumps(rows.data) == b'[{"amount":"1","side":"debit"}]'


def test_a_problem_needs_no_facts() -> None:
    assert problem(404, "not_found", "Nothing here.")["title"] == "Not Found"
    assert problem_of(Malformed())["status"] == 400
