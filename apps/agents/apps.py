"""The agents' place in Django."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Who serves whom."""

    name = "apps.agents"
    verbose_name = "Agents"
