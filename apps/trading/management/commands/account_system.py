"""`manage.py account_system`: an account system to try things with."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.trading.account_system.stand_in import Server


class Command(BaseCommand):
    """Serve the stand-in until told to stop."""

    requires_system_checks: tuple[str, ...] = ()
    help = (
        "Serve an account system for development, on the loopback: it is asked for the status and the "
        "limits of accounts (ACCOUNT_SYSTEM_URL) and pushes them to LOCKSTEP_URL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--port."""
        parser.add_argument("--port", type=int, default=8010)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve."""
        lockstep = os.environ.get("LOCKSTEP_URL") or "http://127.0.0.1:8000"
        server = Server(options["port"], settings.ACCOUNT_SYSTEM_SECRET, lockstep)
        self.stdout.write(f"account system on http://127.0.0.1:{server.server_address[1]}")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()
