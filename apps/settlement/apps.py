"""Settlement's place in Django."""

from django.apps import AppConfig


class SettlementConfig(AppConfig):
    """From a trade to finality."""

    name = "apps.settlement"
    verbose_name = "Settlement"
