"""The socket door: WebSockets only; HTTP is served by `config.wsgi` (docs/decisions/0005)."""

import os

import django
from channels.routing import ProtocolTypeRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from config.routing import http, sockets  # noqa: E402 - models load only after Django is set up

application = ProtocolTypeRouter({"http": http, "websocket": sockets})
