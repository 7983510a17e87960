"""The back office's window on schedules and files."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apps.reports import services
from apps.reports.models import ReportFile, Schedule
from apps.reports.periods import period_at
from apps.reports.services import ScheduleTerms, making
from apps.reports.services.schedules import terms_of
from apps.tenants.models import Tenant


def test_schedules_are_paused_and_failed_files_tried_again(
    tenant: Tenant, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(get_user_model().objects.create_superuser("root"))
    terms = ScheduleTerms(name="books", report="blotter", every="hour")
    row, _ = services.make_schedule(tenant.pk, terms, by="test")
    period = period_at(terms_of(row), row.since)
    with monkeypatch.context() as patch:
        patch.setattr(making, "csv_of", lambda *_: 1 / 0)
        assert services.make_file(row, period) is False
    file = ReportFile.objects.get()
    files, schedules = (
        reverse(f"admin:reports_{name}_changelist") for name in ("reportfile", "schedule")
    )
    assert "division by zero" in client.get(files).content.decode()

    def act(place: str, action: str, pk: object) -> str:
        data = {"action": action, "_selected_action": [str(pk)]}
        return client.post(place, data, follow=True).content.decode()

    assert "is tried again within a minute" in act(files, "again", file.pk)
    assert services.make_due() == 1
    file.refresh_from_db()
    page = client.get(reverse("admin:reports_reportfile_change", args=[file.pk])).content.decode()
    assert reverse("admin:reports_reportfile_content", args=[file.pk]) in page
    assert "Only a file that could not be made is made again." in act(files, "again", file.pk)

    for action, state in (("pause", "paused"), ("resume", "active")):
        act(schedules, action, row.pk)
        assert Schedule.objects.get().state == state
    for place in (files, schedules):
        assert client.get(place + "add/").status_code == 403
