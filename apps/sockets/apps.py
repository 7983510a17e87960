"""The sockets' place in Django: no tables."""

from django.apps import AppConfig


class SocketsConfig(AppConfig):
    """Real-time delivery."""

    name = "apps.sockets"
