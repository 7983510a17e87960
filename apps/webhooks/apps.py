"""The webhooks' place in Django."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """What happened, told to addresses outside."""

    name = "apps.webhooks"
    verbose_name = "Webhooks"
