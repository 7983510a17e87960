"""`create_tenant` and `issue_key`: what they print is a contract that scripts read."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from apps.tenants.models import ApiKey, Tenant
from apps.tenants.services import add_member


def said(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


class TestCreateTenant:
    def test_it_says_whether_it_made_one(self, transactional_db: None) -> None:
        assert said("create_tenant", "acme", "--name", "Acme Brokers") == "created: acme\n"
        assert said("create_tenant", "acme") == "exists already: acme\n"
        assert Tenant.objects.get().name == "Acme Brokers"

    def test_a_slug_that_is_none_is_refused_in_words(self, transactional_db: None) -> None:
        with pytest.raises(CommandError, match="letters, digits"):
            said("create_tenant", "a b")


class TestIssueKey:
    def test_plain_prints_the_bare_key_and_it_works(self, tenant: Tenant) -> None:
        secret = said("issue_key", "acme", "--role", "auditor", "--name", "nightly", "--plain")

        assert secret.count("\n") == 1
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret.strip()}")
        assert client.get("/api/v1/events/parked").status_code == 200
        assert ApiKey.objects.get().name == "nightly"

    def test_for_people_it_says_how_to_use_it_and_shows_it_once(self, tenant: Tenant) -> None:
        text = said("issue_key", "acme", "--role", "trader")

        assert text.count(text.split()[0]) == 1
        assert "Authorization: Bearer" in text
        assert "role trader for acme" in text

    def test_a_key_may_be_a_persons(self, tenant: Tenant) -> None:
        add_member(tenant, username="ann", role="trader")
        said("issue_key", "acme", "--role", "trader", "--owner", "ann", "--plain")

        assert str(ApiKey.objects.get().owner) == "ann"
        with pytest.raises(CommandError, match="no active member"):
            said("issue_key", "acme", "--role", "trader", "--owner", "eve")

    def test_an_unknown_tenant_is_refused_in_words(self, transactional_db: None) -> None:
        with pytest.raises(CommandError, match="create_tenant"):
            said("issue_key", "nobody", "--role", "owner")

    def test_an_unknown_role_is_refused_in_words(self, tenant: Tenant) -> None:
        with pytest.raises(CommandError, match="invalid choice"):
            said("issue_key", "acme", "--role", "emperor")

        assert not ApiKey.objects.exists()
