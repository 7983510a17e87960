"""`manage.py demo`: the demo tenant and its living market."""

import random
import signal
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config import demo

PRICES_EVERY = 2.0  # seconds


class Command(BaseCommand):
    """The demo."""

    help = (
        "Trade a small market over the public API, so that there is something to look at. "
        "`make run` starts it; --setup only makes the tenant, the sign-in and the key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--setup, --url, --rate, --seed."""
        parser.add_argument("--setup", action="store_true", help="make the tenant, trade nothing")
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="the web server")
        parser.add_argument("--rate", type=float, default=4.0, help="trades a second (default: 4)")
        parser.add_argument("--seed", type=int, help="the same seed gives the same market")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set up, then trade until told to stop."""
        known = demo.set_up(Path(settings.VAR_DIR))
        if options["setup"]:
            self.stdout.write("the demo tenant is ready")
            return
        over = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: over.set())
        market = demo.Market(demo.Client(options["url"], known["api_key"]), seed=options["seed"])
        market.open()
        self.stdout.write(f"trading on {options['url']}, about {options['rate']:g} trades a second")
        told = time.monotonic()
        for pause in demo.paces(random.Random(), options["rate"]):  # noqa: S311 - a market, not a secret
            if over.wait(pause):
                return
            market.step()
            if time.monotonic() - told > PRICES_EVERY:
                told = time.monotonic()
                market.tell_prices()
