"""The ledger's place in Django."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Double entry for cash and securities."""

    name = "apps.ledger"
    verbose_name = "Ledger"
