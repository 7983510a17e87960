"""The socket door: WebSockets only; HTTP is served by `config.wsgi` (docs/decisions/0005)."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()

from config.routing import sockets  # noqa: E402 - models load only after Django is set up

application = ProtocolTypeRouter({"http": http, "websocket": sockets})
