"""Resilience's place in Django: no tables."""

from django.apps import AppConfig


class ResilienceConfig(AppConfig):
    """Circuit breakers."""

    name = "apps.resilience"
