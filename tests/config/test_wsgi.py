"""The HTTP door."""

import io

import pytest

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
