"""The reports' place in Django."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """What was dealt, earned, owed and settled, as tables, charts and files."""

    name = "apps.reports"
    verbose_name = "Reports"
