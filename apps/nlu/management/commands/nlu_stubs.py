"""`manage.py nlu_stubs`: stand-ins for the providers, on the loopback."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.nlu.management.stubs.brain import BUILT_IN, Brain
from apps.nlu.management.stubs.server import Stubs, serve


class Command(BaseCommand):
    """Stand-ins for the providers."""

    help = (
        "Stand in for Watson Assistant, Dialogflow ES and CX and a chat model on one port of the "
        "loopback: /watson, /es, /cx, /openai. They speak the real wire, fail as they are told at "
        "/_script and /_door, and tell at /_calls what came in."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--port, --examples, --replies, --seed."""
        parser.add_argument("--port", type=int, default=8009)
        parser.add_argument("--examples", type=Path, help="CSV text,intent that they understand")
        parser.add_argument("--replies", type=Path, help="JSON: intent → what they say to it")
        parser.add_argument("--seed", type=int, default=1, help="the same one fails the same calls")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        examples, replies = options["examples"], options["replies"]
        brain = Brain.of_file(examples) if examples else Brain(BUILT_IN)
        said = json.loads(replies.read_text()) if replies else {}
        stubs = Stubs(brain, seed=options["seed"], replies=said)
        self.stdout.write(f"stand-ins listen on http://127.0.0.1:{options['port']}")
        serve(stubs, options["port"])
