"""Providers that mean harm, or are broken in ways that nobody planned: an answer all the same, and one to keep."""

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from apps.conversations.services import checks
from apps.nlu import services
from apps.nlu.interpretation import OUT_OF_SCOPE, TEXT_MAX, Entity, Interpretation, bounded
from apps.nlu.models import Provider, Turn
from apps.nlu.services import recording, secrets, terms
from apps.resilience import services as resilience
from apps.tenants.models import Tenant

MEGABYTE = 1_000_000


class Hostile(ThreadingHTTPServer):
    """Answers everything with `body`."""

    body = b""
    packed = False
    daemon_threads = True


class Answer(BaseHTTPRequestHandler):
    server: Hostile

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if self.server.packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        try:
            self.wfile.write(self.server.body)
        except OSError:
            """Whoever asked has read enough, and hung up."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[Hostile]:
    made = Hostile(("127.0.0.1", 0), Answer)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def hostile(server: Hostile, tenant: Tenant, _empty_redis: None) -> Hostile:
    resilience.forget()
    terms.forget()
    Provider.objects.create(
        tenant=tenant, name="es", kind="dialogflow_es", settings={"project": "p"},
        url=f"http://127.0.0.1:{server.server_port}",
    )  # fmt: skip
    server.body, server.packed = b"", False
    return server


def es(**result: object) -> str:
    known = {"intent": {"displayName": "balance"}, "intentDetectionConfidence": 0.9}
    return json.dumps({"queryResult": known | result})


def asked(tenant: Tenant) -> tuple[Interpretation, Turn]:
    """The answer to a turn of a conversation, and what was kept of it."""
    key = str(uuid4())
    found = services.interpret(tenant.pk, "what have I got", conversation=uuid4(), turn=key)
    return found, Turn.objects.get(key=key)


HUGE = 10**400
ODD = [
    es(intentDetectionConfidence=HUGE),
    es(intentDetectionConfidence="sure"),
    es(intent={"displayName": "x" * 10_000}),
    es(intent={"displayName": "a\x00b\ud800"}),
    es(intent=5, parameters=[1], fulfillmentMessages={"text": 1}, outputContexts="none"),
    es(fulfillmentText="\x00\x07\x1b[31m\ud83d hello"),
    es(fulfillmentText="y" * 500_000),
    es(parameters={f"p{number}": {"v": [number] * 9} for number in range(500)}),
    es(parameters={"k" * 5_000: "v" * 5_000, "\x00": "\udfff"}),
    es(outputContexts=[{"name": "a/b", "lifespanCount": HUGE, "parameters": {}}]),
    es(outputContexts=[{"name": "a/\x00", "lifespanCount": 2, "parameters": {"x": "\ud800"}}]),
    es(outputContexts=[{"name": "a/c", "lifespanCount": 2, "parameters": {"x": "z" * 300_000}}]),
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_whatever_it_says_can_be_kept_and_said(tenant: Tenant, hostile: Hostile, body: str) -> None:
    hostile.body = body.encode()
    found, kept = asked(tenant)

    assert (found.provider, kept.provider, kept.latency_ms is None) == ("es", "es", False)
    assert 0 <= found.confidence <= 1
    assert len(found.intent) <= 100
    assert not list(checks.body_faults(found.reply, empty=True))
    assert services.interpret(tenant.pk, "again", conversation=kept.conversation) is not None


BROKEN = {
    "ten megabytes": es(fulfillmentText="z" * 10 * MEGABYTE).encode(),
    "no end of brackets": b"[" * 200_000,
    "a number of a million digits": b'{"queryResult": {"x": ' + b"9" * 900_000 + b"}}",
    "not UTF-8": b'{"queryResult": "\xff\xfe"}',
    "a list": b"[1, 2]",
    "nothing": b"",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_is_no_answer_is_nobodys_answer(tenant: Tenant, hostile: Hostile, body: bytes) -> None:
    hostile.body = body
    found, kept = asked(tenant)

    assert (found.provider, found.degraded, found.intent) == ("local", True, OUT_OF_SCOPE)
    assert [one["outcome"] for one in kept.attempts] == ["bad_answer"]


def test_nothing_is_unpacked(tenant: Tenant, hostile: Hostile) -> None:
    hostile.body, hostile.packed = gzip.compress(es().encode() + b" " * 50 * MEGABYTE), True
    found, kept = asked(tenant)

    assert (found.provider, found.degraded) == ("local", True)
    assert [one["outcome"] for one in kept.attempts] == ["bad_answer"]


SECRET = "sk-live-0123456789abcdef"


@pytest.mark.parametrize("secret", [SECRET, f"{SECRET}\r\nX-Injected: 1"])
@pytest.mark.parametrize("kind", ["watson", "dialogflow_cx", "openai"])
def test_credentials_are_in_no_log_no_figure_and_no_turn(
    tenant: Tenant, hostile: Hostile, api: APIClient, caplog: pytest.LogCaptureFixture,
    kind: str, secret: str,
) -> None:  # fmt: skip
    url = f"http://127.0.0.1:{hostile.server_port}"
    Provider.objects.update(kind=kind, settings={"iam_url": url}, secret=secrets.sealed(secret))
    hostile.body = b"[]"
    with caplog.at_level(logging.DEBUG):
        found, kept = asked(tenant)
    recording.flush()

    figures = api.get("/api/v1/nlu/figures").content.decode()
    assert found.degraded
    told = [caplog.text, str(kept.attempts), str(kept.result), figures]
    assert not [text for text in told if SECRET in text]


def test_no_number_is_a_confidence_and_no_place_is_outside_the_text() -> None:
    found = bounded(
        Interpretation(
            "a", float("nan"), entities=(Entity("k", "v", "v", -1, HUGE), Entity("k", "v", "v", 0, TEXT_MAX))
        )
    )  # fmt: skip
    assert found.confidence == 0
    assert [(one.start, one.end) for one in found.entities] == [(None, None), (0, TEXT_MAX)]
