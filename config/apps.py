"""The project as a Django app: its commands, and Celery's app in every process."""

from importlib import import_module

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """Settings, doors, queues and processes."""

    name = "config"

    def ready(self) -> None:
        """Make Celery's app the current one wherever Django runs: whoever appends also wakes."""
        import_module("config.celery")
