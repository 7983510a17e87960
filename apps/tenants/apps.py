"""Tenants' place in Django."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Who is at the door."""

    name = "apps.tenants"
