"""The web's place in Django: no tables."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages, health and metrics."""

    name = "apps.web"
