"""One tenant never sees or touches what is another's."""

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.events.models import ParkedKey, StoredEvent
from apps.events.selectors import history
from apps.events.services import unit_of_work
from apps.tenants.models import ApiKey, Membership, Tenant
from apps.tenants.services import add_member, issue_key
from tests.events.conftest import ThingAdded


@pytest.fixture
def parked(other: Tenant) -> ParkedKey:
    """A key of the other tenant that a handler cannot get past."""
    return ParkedKey.objects.create(
        handler="ledger.book_trades", topic="trade", partition=1, key="theirs",
        tenant_id=other.pk, first_offset=1, policy="hold", error="Rejected: theirs",
    )  # fmt: skip


def test_every_question_starts_with_a_tenant(tenant: Tenant, other: Tenant) -> None:
    ours, _ = issue_key(tenant, role="owner")
    issue_key(other, role="owner")
    add_member(other, username="bob", role="owner")

    assert list(ApiKey.objects.for_tenant(tenant)) == [ours]
    assert list(ApiKey.objects.for_tenant(tenant.pk)) == [ours]
    assert not Membership.objects.for_tenant(tenant).exists()


def test_anothers_parked_keys_are_not_listed(api: APIClient, parked: ParkedKey) -> None:
    assert api.get("/api/v1/events/parked").json() == {"results": []}


def test_anothers_parked_key_cannot_be_resumed(api: APIClient, parked: ParkedKey) -> None:
    response = api.post(f"/api/v1/events/parked/{parked.pk}/resumption")

    assert response.status_code == 404
    assert ParkedKey.objects.filter(pk=parked.pk).exists()


def test_what_is_anothers_and_what_does_not_exist_answer_alike(
    api: APIClient, parked: ParkedKey
) -> None:
    theirs = api.post(f"/api/v1/events/parked/{parked.pk}/resumption").json()
    nobodys = api.post("/api/v1/events/parked/999999/resumption").json()

    assert theirs | {"id": 0} == nobodys | {"id": 0}


def test_a_history_holds_only_ones_own_events_even_under_the_same_key(
    tenant: Tenant, other: Tenant
) -> None:
    with unit_of_work() as work:
        for owner, number in ((tenant, 1), (other, 2)):
            work.publish(ThingAdded(amount=1, number=number), tenant=owner.pk, key="same")

    assert [row["offset"] for row in history("same", tenant=tenant.pk)] == [1]
    assert StoredEvent.objects.for_tenant(other).count() == 1


def test_a_tenant_with_rows_cannot_be_deleted(tenant: Tenant) -> None:
    issue_key(tenant, role="owner")

    with pytest.raises(Exception, match="protected"):
        tenant.delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_tenant")
        assert cursor.fetchone() == (1,)
