"""The conversations' place in Django."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Customers, bots and agents talking in real time."""

    name = "apps.conversations"
    verbose_name = "Conversations"
