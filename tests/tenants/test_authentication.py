"""Who is calling: keys and sessions, what a process remembers of a key, and for how long."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from apps.tenants import authentication
from apps.tenants.authentication import TENANT_SESSION_KEY, caller_of
from apps.tenants.models import ApiKey, Role, Tenant
from apps.tenants.permissions import AdminWrites, OperationsWrites, TraderWrites
from apps.tenants.services import add_member, issue_key, revoke_key


class WhoView(APIView):
    """Says on whose behalf it was asked."""

    permission_classes = (TraderWrites,)

    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        return Response({"tenant": caller.tenant.slug, "role": caller.role, "as": caller.client})

    def post(self, request: Request) -> Response:
        return self.get(request)


class DefaultView(APIView):
    """A view that says nothing of permissions."""

    def get(self, request: Request) -> Response:
        return Response({})

    post = put = patch = delete = get


class OperationsView(DefaultView):
    permission_classes = (OperationsWrites,)


class AdminView(DefaultView):
    permission_classes = (AdminWrites,)


urlpatterns = [
    path("who", WhoView.as_view()),
    path("default", DefaultView.as_view()),
    path("operations", OperationsView.as_view()),
    path("admin-only", AdminView.as_view()),
]


@pytest.fixture(autouse=True)
def _addresses(settings: object) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that ages what a process remembers of a key: `clock(seconds)`."""
    offset = 0.0
    real = authentication.time.monotonic

    def forward(seconds: float) -> None:
        nonlocal offset
        offset += seconds

    class Time:
        @staticmethod
        def monotonic() -> float:
            return real() + offset

    monkeypatch.setattr(authentication, "time", Time)
    return forward


def with_key(secret: str, scheme: str = "Bearer") -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"{scheme} {secret}")
    return client


def signed_in(user: object, *, csrf_checked: bool = False) -> APIClient:
    client = APIClient(enforce_csrf_checks=csrf_checked)
    client.force_login(user)
    return client


def choose(client: Client, tenant: Tenant) -> None:
    session = client.session
    session[TENANT_SESSION_KEY] = tenant.pk
    session.save()


class TestKeys:
    def test_a_key_acts_for_its_tenant_in_its_role(self, tenant: Tenant) -> None:
        key, secret = issue_key(tenant, role="trader")

        body = with_key(secret).get("/who").json()

        assert body == {"tenant": "acme", "role": "trader", "as": f"key:{key.pk}"}

    def test_the_schemes_case_does_not_matter(self, tenant: Tenant) -> None:
        _, secret = issue_key(tenant, role="trader")

        assert with_key(secret, "bearer").get("/who").status_code == 200

    @pytest.mark.parametrize("secret", ["", "lsk_unknown", "lsk_ünï", "x" * 5_000])
    def test_an_unknown_key_is_refused(self, tenant: Tenant, secret: str) -> None:
        response = with_key(secret).get("/who")

        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        assert response["Content-Type"] == "application/problem+json"

    def test_the_prefix_or_the_digest_of_a_key_is_no_key(self, tenant: Tenant) -> None:
        key, _ = issue_key(tenant, role="owner")

        for guess in (key.prefix, bytes(key.digest).hex(), str(key.pk)):
            assert with_key(guess).get("/who").status_code == 401

    @pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
    def test_a_secret_under_another_scheme_signs_nobody_in(
        self, tenant: Tenant, scheme: str
    ) -> None:
        _, secret = issue_key(tenant, role="owner")

        assert with_key(secret, scheme).get("/who").status_code == 401

    def test_without_any_credentials_nobody_is_there(self, transactional_db: None) -> None:
        response = APIClient().get("/who")

        assert response.status_code == 401
        assert response.json()["code"] == "not_authenticated"

    def test_an_expired_key_is_refused(self, tenant: Tenant) -> None:
        _, secret = issue_key(tenant, role="owner", expires_at=timezone.now())

        response = with_key(secret).get("/who")

        assert response.status_code == 401
        assert "expired" in response.json()["detail"]

    def test_a_key_ends_at_its_time_even_while_it_is_remembered(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends = timezone.now() + timedelta(hours=1)
        _, secret = issue_key(tenant, role="owner", expires_at=ends)
        client = with_key(secret)
        assert client.get("/who").status_code == 200

        monkeypatch.setattr(authentication.timezone, "now", lambda: ends)

        assert client.get("/who").status_code == 401

    def test_a_key_that_is_used_says_when_at_most_once_a_minute(
        self, tenant: Tenant, clock: Callable[[float], None]
    ) -> None:
        key, secret = issue_key(tenant, role="owner")
        client = with_key(secret)

        client.get("/who")
        first = ApiKey.objects.get(pk=key.pk).last_used_at
        clock(authentication.KEY_CACHE_SECONDS + 1)
        client.get("/who")

        assert first is not None
        assert ApiKey.objects.get(pk=key.pk).last_used_at == first


class TestWhatAProcessRemembers:
    def test_a_key_is_read_once_in_a_while(
        self, tenant: Tenant, django_assert_num_queries: Callable[[int], object]
    ) -> None:
        _, secret = issue_key(tenant, role="owner")
        client = with_key(secret)
        client.get("/who")

        with django_assert_num_queries(0):
            assert client.get("/who").status_code == 200

    def test_a_revoked_key_is_refused_once_the_window_is_over(
        self, tenant: Tenant, clock: Callable[[float], None]
    ) -> None:
        key, secret = issue_key(tenant, role="owner")
        client = with_key(secret)
        client.get("/who")

        revoke_key(key)

        assert client.get("/who").status_code == 200  # what KEY_CACHE_SECONDS promises
        clock(authentication.KEY_CACHE_SECONDS + 0.1)
        assert client.get("/who").status_code == 401

    def test_a_process_that_never_saw_the_key_refuses_it_at_once(self, tenant: Tenant) -> None:
        key, secret = issue_key(tenant, role="owner")

        revoke_key(key)

        assert with_key(secret).get("/who").status_code == 401

    def test_a_refused_key_is_not_remembered(
        self, tenant: Tenant, clock: Callable[[float], None]
    ) -> None:
        key, secret = issue_key(tenant, role="owner")
        client = with_key(secret)
        client.get("/who")
        revoke_key(key)
        clock(authentication.KEY_CACHE_SECONDS + 0.1)

        client.get("/who")

        assert authentication._cache == {}

    def test_it_remembers_a_bounded_number_of_keys(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(authentication, "KEY_CACHE_SIZE", 2)

        for _ in range(3):
            assert with_key(issue_key(tenant, role="owner")[1]).get("/who").status_code == 200
            assert len(authentication._cache) <= 2


class TestSessions:
    def test_a_person_acts_in_their_role(self, tenant: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="trader", password="x")

        body = signed_in(user).get("/who").json()

        assert body == {"tenant": "acme", "role": "trader", "as": f"user:{user.pk}"}

    def test_a_write_needs_the_csrf_token(self, tenant: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="trader", password="x")
        client = signed_in(user, csrf_checked=True)
        token = "t" * 32
        client.cookies["csrftoken"] = token

        assert client.get("/who").status_code == 200
        assert client.post("/who").status_code == 403
        assert client.post("/who", headers={"X-CSRFToken": "u" * 32}).status_code == 403
        assert client.post("/who", headers={"X-CSRFToken": token}).status_code == 200

    def test_a_key_needs_none(self, tenant: Tenant) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_key(tenant, role='trader')[1]}")

        assert client.post("/who").status_code == 200

    def test_a_key_goes_before_a_session(self, tenant: Tenant, other: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="owner", password="x")
        client = signed_in(user)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_key(other, role='trader')[1]}")

        assert client.get("/who").json()["tenant"] == "rival"

    def test_a_bad_key_is_refused_whoever_is_signed_in(self, tenant: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="owner", password="x")
        client = signed_in(user)
        client.credentials(HTTP_AUTHORIZATION="Bearer lsk_bad")

        assert client.get("/who").status_code == 401

    def test_someone_who_belongs_nowhere_is_refused(self, transactional_db: None) -> None:
        user = get_user_model().objects.create(username="visitor", is_staff=True)

        assert signed_in(user).get("/who").status_code == 401

    def test_someone_who_was_sent_away_is_refused(self, tenant: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="owner", password="x")
        client = signed_in(user)
        user.is_active = False
        user.save()

        assert client.get("/who").status_code == 401


class TestTheChoiceOfATenant:
    @pytest.fixture
    def both(self, tenant: Tenant, other: Tenant) -> object:
        """Someone who trades for one tenant and audits another."""
        user, _ = add_member(tenant, username="ann", role="trader", password="x")
        add_member(other, username="ann", role="auditor")
        return user

    def test_without_one_it_is_the_first_membership(self, both: object) -> None:
        assert signed_in(both).get("/who").json()["tenant"] == "acme"

    def test_the_chosen_one_counts_with_its_role(self, both: object, other: Tenant) -> None:
        client = signed_in(both)
        choose(client, other)

        body = client.get("/who").json()

        assert (body["tenant"], body["role"]) == ("rival", "auditor")
        assert client.post("/who").status_code == 403

    def test_choosing_a_tenant_makes_nobody_its_member(self, tenant: Tenant, other: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="owner", password="x")
        client = signed_in(user)
        choose(client, other)

        assert client.get("/who").status_code == 401


WRITERS = {
    "/default": set(),
    "/who": {Role.OWNER, Role.ADMIN, Role.SERVICE, Role.TRADER, Role.OPERATIONS},
    "/operations": {Role.OWNER, Role.ADMIN, Role.SERVICE, Role.OPERATIONS},
    "/admin-only": {Role.OWNER, Role.ADMIN},
}


class TestRoles:
    @pytest.mark.parametrize("role", Role.values)
    @pytest.mark.parametrize("address", WRITERS)
    def test_everyone_reads_and_only_its_writers_write(
        self, tenant: Tenant, client_of: Callable[..., APIClient], role: str, address: str
    ) -> None:
        client = client_of(tenant, role)

        assert client.get(address).status_code == 200
        assert client.post(address).status_code == (200 if role in WRITERS[address] else 403)

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_a_view_that_says_nothing_of_permissions_is_only_read(
        self, api: APIClient, method: str
    ) -> None:
        response = getattr(api, method)("/default")

        assert response.status_code == 403
        assert response.json()["code"] == "permission_denied"


def test_outside_of_a_request_of_a_member_there_is_no_caller() -> None:
    with pytest.raises(AuthenticationFailed):
        caller_of(Request(APIRequestFactory().get("/who")))
