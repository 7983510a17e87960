"""Trading's place in Django."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """What was dealt, and what is held because of it."""

    name = "apps.trading"
    verbose_name = "Trading"
