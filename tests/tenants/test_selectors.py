"""Questions about who is at the door."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.tenants.models import ApiKey, Membership, Tenant, User
from apps.tenants.selectors import find_tenant, is_still_in, memberships_of
from apps.tenants.services import add_member, issue_key, revoke_key


def test_a_tenant_is_found_by_its_id(tenant: Tenant) -> None:
    assert find_tenant(tenant.pk) == tenant
    assert find_tenant(tenant.pk + 1) is None


def test_ones_places_come_oldest_first(tenant: Tenant, other: Tenant) -> None:
    user, _ = add_member(other, username="ann", role="auditor")
    add_member(tenant, username="ann", role="owner")
    add_member(tenant, username="bob", role="owner")

    assert [place.tenant for place in memberships_of(user)] == [other, tenant]


def send_away(user: User) -> None:
    Membership.objects.filter(user=user).delete()


def lock_out(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


class TestIsStillIn:
    @pytest.mark.parametrize("leave", [send_away, lock_out])
    def test_a_person_until_they_leave_or_are_locked_out(
        self, tenant: Tenant, other: Tenant, leave: Callable[[User], None]
    ) -> None:
        user, _ = add_member(tenant, username="ann", role="owner")
        client = f"user:{user.pk}"

        assert is_still_in(tenant.pk, client)
        assert not is_still_in(other.pk, client)
        leave(user)
        assert not is_still_in(tenant.pk, client)

    def test_a_key_until_it_is_revoked(self, tenant: Tenant, other: Tenant) -> None:
        key, _ = issue_key(tenant, role="service")
        client = f"key:{key.pk}"

        assert is_still_in(tenant.pk, client)
        assert not is_still_in(other.pk, client)
        revoke_key(key)
        assert not is_still_in(tenant.pk, client)

    def test_a_key_until_it_expires(self, tenant: Tenant) -> None:
        ends = timezone.now() + timedelta(hours=1)
        key, _ = issue_key(tenant, role="service", expires_at=ends)

        assert is_still_in(tenant.pk, f"key:{key.pk}")
        ApiKey.objects.update(expires_at=timezone.now())
        assert not is_still_in(tenant.pk, f"key:{key.pk}")
