"""The NLU facade's place in Django."""

from django.apps import AppConfig


class NluConfig(AppConfig):
    """What a text means: cloud providers, and a classifier of our own."""

    name = "apps.nlu"
    verbose_name = "Language understanding"
