"""The verbs of the door: tenants, members, keys."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone
from rest_framework.test import APIClient

from apps.tenants import authentication
from apps.tenants.exceptions import InvalidSlug, TenantNotFound, UnknownMember, UnknownRole
from apps.tenants.models import ApiKey, Membership, Role, Tenant, User
from apps.tenants.selectors import is_still_in
from apps.tenants.services import (
    KEY_PREFIX,
    add_member,
    create_tenant,
    digest_of,
    get_tenant,
    issue_key,
    revoke_key,
)


class TestCreateTenant:
    def test_a_second_call_finds_what_the_first_one_made(self, transactional_db: None) -> None:
        first, made = create_tenant("acme", name="Acme Brokers")
        second, made_again = create_tenant("acme", name="Another name")

        assert (made, made_again) == (True, False)
        assert second == first
        assert second.name == "Acme Brokers"

    def test_its_slug_is_its_name_unless_it_has_one(self, transactional_db: None) -> None:
        assert create_tenant("acme")[0].name == "acme"

    @pytest.mark.parametrize("slug", ["", "a b", "a/b", "ä", "a\n", "x" * 51, "a\x00"])
    def test_a_slug_that_no_address_could_hold_is_refused(
        self, transactional_db: None, slug: str
    ) -> None:
        with pytest.raises(InvalidSlug):
            create_tenant(slug)

        assert not Tenant.objects.exists()

    def test_it_is_found_by_its_slug(self, tenant: Tenant) -> None:
        assert get_tenant("acme") == tenant
        with pytest.raises(TenantNotFound):
            get_tenant("nobody")


class TestKeys:
    def test_a_key_is_kept_as_a_digest_only(self, tenant: Tenant) -> None:
        key, secret = issue_key(tenant, role="trader", name="feed")

        row = ApiKey.objects.get(pk=key.pk)
        kept = " ".join(str(value) for value in vars(row).values()) + bytes(row.digest).hex()
        assert secret.startswith(KEY_PREFIX)
        assert secret not in kept
        assert bytes(row.digest) == digest_of(secret)
        assert secret.startswith(row.prefix)
        assert len(row.prefix) < len(secret) / 3

    def test_no_two_are_alike(self, tenant: Tenant) -> None:
        assert len({issue_key(tenant, role="trader")[1] for _ in range(50)}) == 50

    def test_an_unknown_role_is_refused(self, tenant: Tenant) -> None:
        with pytest.raises(UnknownRole) as refused:
            issue_key(tenant, role="emperor")

        assert refused.value.facts["roles"] == Role.values
        assert not ApiKey.objects.exists()

    def test_a_persons_key_is_theirs_for_good_and_ends_with_their_place(
        self, tenant: Tenant, other: Tenant
    ) -> None:
        ann, _ = add_member(tenant, username="ann", role="operations")
        add_member(other, username="bob", role="owner")
        key, secret = issue_key(tenant, role="operations", owner="ann")
        client = APIClient(headers={"authorization": f"Bearer {secret}"})
        for nobody in ("bob", "eve"):
            with pytest.raises(UnknownMember):
                issue_key(tenant, role="operations", owner=nobody)
        for whose in (None, User.objects.get(username="bob")):
            with pytest.raises(IntegrityError, match="stays whose it is"):
                ApiKey.objects.filter(pk=key.pk).update(owner=whose)

        assert client.get("/api/v1/accounts").status_code == 200
        for end in (
            lambda: User.objects.filter(pk=ann.pk).update(is_active=False),
            lambda: Membership.objects.filter(user=ann).delete(),
        ):
            end()
            authentication._cache.clear()
            assert client.get("/api/v1/accounts").status_code == 401
            assert not is_still_in(tenant.pk, f"key:{key.pk}")
            User.objects.filter(pk=ann.pk).update(is_active=True)

    def test_revoking_twice_keeps_the_first_time(self, tenant: Tenant) -> None:
        key, _ = issue_key(tenant, role="trader")
        revoke_key(key)
        first = ApiKey.objects.get(pk=key.pk).revoked_at

        revoke_key(key)

        assert first is not None
        assert abs(timezone.now() - first) < timedelta(minutes=1)
        assert ApiKey.objects.get(pk=key.pk).revoked_at == first


class TestAddMember:
    def test_a_new_person_can_sign_in_with_the_password(self, tenant: Tenant) -> None:
        user, made = add_member(tenant, username="ann", role="owner", password="s3cret", staff=True)

        assert made
        assert user.is_staff
        assert user.check_password("s3cret")
        assert Membership.objects.get(user=user).role == "owner"

    def test_a_repeat_changes_the_role_and_never_the_sign_in(self, tenant: Tenant) -> None:
        add_member(tenant, username="ann", role="owner", password="s3cret")

        user, made = add_member(
            tenant, username="ann", role="auditor", password="other", staff=True
        )

        assert not made
        assert user.check_password("s3cret")
        assert not user.is_staff
        assert Membership.objects.get(tenant=tenant, user=user).role == "auditor"

    def test_without_a_password_nobody_signs_in_as_them(self, tenant: Tenant) -> None:
        user, _ = add_member(tenant, username="robot", role="service")

        assert not user.has_usable_password()

    def test_one_person_may_belong_to_several_tenants(self, tenant: Tenant, other: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="owner")
        add_member(other, username="ann", role="auditor")

        assert Membership.objects.filter(user=user).count() == 2

    def test_an_unknown_role_admits_nobody(self, tenant: Tenant) -> None:
        with pytest.raises(UnknownRole):
            add_member(tenant, username="ann", role="emperor")

        assert not User.objects.exists()


class TestWhatTheDatabaseHolds:
    def test_a_role_is_one_of_those_we_know(self, tenant: Tenant) -> None:
        with pytest.raises(IntegrityError, match="api_key_role_is_known"):
            ApiKey.objects.create(tenant=tenant, role="emperor", prefix="x", digest=b"x")

    def test_a_person_has_one_role_in_a_tenant(self, tenant: Tenant) -> None:
        user, _ = add_member(tenant, username="ann", role="owner")

        with pytest.raises(IntegrityError, match="member_has_one_role"):
            Membership.objects.create(tenant=tenant, user=user, role="auditor")

    def test_a_digest_stands_once(self, tenant: Tenant, other: Tenant) -> None:
        key, _ = issue_key(tenant, role="owner")

        with pytest.raises(IntegrityError):
            ApiKey.objects.create(tenant=other, role="owner", prefix="x", digest=key.digest)
