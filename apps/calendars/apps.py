"""The calendars' place in Django."""

from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    """Days on which markets trade, and days on which they settle."""

    name = "apps.calendars"
    verbose_name = "Calendars"
