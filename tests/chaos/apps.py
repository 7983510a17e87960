"""The toys as a Django app, so that real workers serve them."""

from importlib import import_module

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    """Handlers that note what they did."""

    name = "tests.chaos"
    label = "chaos"

    def ready(self) -> None:
        import_module("tests.chaos.toys").register()
