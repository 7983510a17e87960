"""The web's place in Django: no tables."""

from importlib import import_module

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages, health and metrics."""

    name = "apps.web"

    def ready(self) -> None:
        """Tell the API's schema how callers authenticate."""
        import_module("apps.web.schema")
