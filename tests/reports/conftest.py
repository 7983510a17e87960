"""Fixtures of the reports' tests."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.tenants.models import Tenant
from tests.reports.cast import Book, make_book


@pytest.fixture
def book(tenant: Tenant) -> Book:
    """The book that was computed by hand."""
    return make_book(tenant)


@pytest.fixture
def ask(api: APIClient) -> Callable[..., Any]:
    """Ask for a report: its rows as tuples without the names; `status=` for a refusal's body."""

    def call(name: str, *, status: int = 200, **query: Any) -> Any:
        query = {key.rstrip("_"): value for key, value in query.items()}
        answer = api.get(f"/api/v1/reports/{name}", query)
        assert answer.status_code == status, answer.content
        body = answer.json()
        return [tuple(row.values()) for row in body["results"]] if status == 200 else body

    return call
