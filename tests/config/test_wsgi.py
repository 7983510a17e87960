"""The HTTP door."""

import io
import threading
from typing import Any

import pytest
from django.db import connection

from apps.core import turns
from apps.tenants.services import issue_key
from config.wsgi import application


@pytest.mark.django_db(transaction=True)
def test_a_body_of_unknown_length_is_read(tenant):
    _, secret = issue_key(tenant, role="owner")
    body = b'{"number": "ACC-9", "name": "Nine", "base_currency": "USD"}'
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/accounts",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    said = []

    answer = b"".join(application(environ, lambda status, headers: said.append(status)))

    assert said == ["201 Created"]
    assert b'"ACC-9"' in answer


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_news_does_not_hold_up_the_others(tenant, monkeypatch):
    """A long poll and, while it waits, the request that ends it: one process, one turn."""
    _, secret = issue_key(tenant, role="owner")
    waits, answers = threading.Event(), {}
    real = turns.aside

    def aside() -> Any:
        waits.set()
        return real()

    monkeypatch.setattr("apps.events.api.feed.aside", aside)

    def ask(name: str, method: str, path: str, query: str = "", body: bytes = b"") -> None:
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"Bearer {secret}",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
        }
        try:
            answers[name] = b"".join(application(environ, lambda status, headers: None))
        finally:
            connection.close()

    poll = threading.Thread(
        target=ask, args=("poll", "GET", "/api/v1/events", "topic=trade&wait=30"), daemon=True
    )
    poll.start()
    assert waits.wait(60)
    ask("post", "POST", "/api/v1/accounts",
        body=b'{"number": "ACC-9", "name": "Nine", "base_currency": "USD"}')  # fmt: skip
    assert b'"ACC-9"' in answers["post"]
    poll.join(60)
    assert b"trading.account.opened" in answers["poll"]
