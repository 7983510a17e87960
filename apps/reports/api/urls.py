"""The reports' addresses."""

from django.urls import path

from apps.reports import selectors
from apps.reports.api import files, views

app_name = "reports"
urlpatterns = [
    path("reports", views.ReportListView.as_view(), name="report-list"),
    path("reports/schedules", files.ScheduleListView.as_view(), name="schedule-list"),
    path(
        "reports/schedules/<uuid:schedule_id>", files.ScheduleView.as_view(), name="schedule-detail"
    ),
    path("reports/files", files.FileListView.as_view(), name="file-list"),
    path("reports/files/<uuid:file_id>", files.FileView.as_view(), name="file-detail"),
    path("reports/files/<uuid:file_id>/content", files.FileContentView.as_view(), name="content"),
    path("reports/files/<uuid:file_id>/retry", files.FileRetryView.as_view(), name="file-retry"),
    *(
        path(f"reports/{one.name}", views.view_of(one).as_view(), name=f"report-{one.name}")
        for one in selectors.reports()
    ),
]
