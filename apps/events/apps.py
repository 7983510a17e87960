"""The log's place in Django."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EventsConfig(AppConfig):
    """The log, its handlers and their cursors."""

    name = "apps.events"

    def ready(self) -> None:
        """Load every app's handlers, and keep partitions and cursors in step with the code."""
        from apps.events import registry  # noqa: PLC0415 - apps are ready only now
        from apps.events.services import register_cursors  # noqa: PLC0415 - same

        registry.load()
        post_migrate.connect(lambda **_: register_cursors(), sender=self, weak=False)
