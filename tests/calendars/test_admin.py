"""The back office decides on days and rules through the services, which tell the log."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from apps.calendars.models import CalendarException, MarketRule
from apps.tenants.models import User
from tests.calendars.test_services import told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office(tenant, client):
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


def test_a_day_is_closed_once(office, tenant):
    add = reverse("admin:calendars_calendarexception_add")
    storm = {"tenant": tenant.pk, "calendar": "US", "day": "2026-03-03", "reason": "a storm"}
    assert office.post(add, storm).status_code == 302
    row = CalendarException.objects.get()
    assert (row.is_open, row.decided_by) == (False, "boss")
    assert len(told()) == 1

    again = office.post(add, storm | {"is_open": "on"})
    assert "Nothing was changed" in " ".join(map(str, get_messages(again.wsgi_request)))
    assert CalendarException.objects.count() == len(told()) == 1


def test_a_rule_is_set(office, tenant):
    rule = {"tenant": tenant.pk, "calendar": "US", "asset_class": "security", "reason": "faster",
            "effective_from": "2027-06-01", "settlement_days": "0", "cutoff": "16:00"}  # fmt: skip
    assert office.post(reverse("admin:calendars_marketrule_add"), rule).status_code == 302
    assert MarketRule.objects.get().settlement_days == 0
    assert len(told()) == 1
