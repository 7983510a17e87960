"""Core's place in Django: no tables."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The words every app shares."""

    name = "apps.core"
