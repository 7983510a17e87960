"""`manage.py demo`: the demo tenant, its living market, and people who talk."""

import asyncio
import contextlib
import random
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.conversations.management.askers import Asker
from apps.conversations.management.callers import Api
from apps.conversations.management.dialogues import BUILT_IN, read
from apps.conversations.management.simulation import Simulation, endless
from apps.tenants.services import get_tenant
from config import demo, demo_desk, demo_settlements, language, stack

PRICES_EVERY = 2.0  # seconds
QUEUE_EVERY = 30.0  # seconds


class Command(BaseCommand):
    """The demo."""

    help = (
        "Trade a small market over the public API, so that there is something to look at; with --talk, "
        "be customers and agents who talk over the sockets, too. "
        "`make run` starts it; --setup only makes the tenant, the sign-in and the key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--setup, --learn, --talk, --url, --rate, --seed."""
        parser.add_argument("--setup", action="store_true", help="make the tenant, trade nothing")
        parser.add_argument("--learn", action="store_true", help="only train the bot's own model")
        parser.add_argument("--talk", action="store_true", help="conversations as well")
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="the web server")
        parser.add_argument("--rate", type=float, default=4.0, help="trades a second (default: 4)")
        parser.add_argument("--seed", type=int, help="the same seed gives the same market")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set up, then trade until told to stop."""
        if options["learn"]:
            language.learn(get_tenant(demo.TENANT))
            return
        var = Path(settings.VAR_DIR)
        known = demo.set_up(var)
        if options["setup"]:
            language.set_up(get_tenant(demo.TENANT), stubs=settings.NLU_STUBS_URL)
            language.write_examples(var / stack.EXAMPLES_FILE)
            self.stdout.write("the demo tenant is ready")
            return
        client = demo.Client(options["url"], known["api_key"])
        market = demo.Market(client, seed=options["seed"])
        api = Api(options["url"], known["api_key"]) if options["talk"] else None
        self.stdout.write(f"trading on {options['url']}, about {options['rate']:g} trades a second")
        asyncio.run(live(market, options["rate"], api))


async def live(market: demo.Market, rate: float, api: Api | None) -> None:
    """A market, and people who talk, until told to stop. In one process, because each has little to do."""
    over = threading.Event()
    doing: list[Awaitable[object]] = [asyncio.to_thread(trade, market, rate, over)]
    if api is not None:
        doing += talk(api)
    living = asyncio.gather(*doing)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, living.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await living
    finally:
        over.set()


def trade(market: demo.Market, rate: float, over: threading.Event) -> None:
    """Open the market, and trade at about this many trades a second until it is over."""
    market.open()
    told = looked = time.monotonic()
    for pause in demo.paces(random.Random(), rate):  # noqa: S311 - a market, not a secret
        if over.wait(pause):
            return
        market.step()
        if time.monotonic() - told > PRICES_EVERY:
            told = time.monotonic()
            market.tell_prices()
        if time.monotonic() - looked > QUEUE_EVERY:
            looked = time.monotonic()
            demo_settlements.look_after(market.client)


def talk(api: Api) -> list[Awaitable[object]]:
    """The built-in dialogues again and again, two at a time; and customers who wait for the newcomer at the desk."""
    people = Simulation(api, agents=2, speed=1, rate=0, at_once=2)
    askers = [Asker(api, demo.USER, scripts) for scripts in demo_desk.ASKERS]
    return [people.run(endless(list(read(BUILT_IN)), None)), *(one.run() for one in askers)]
