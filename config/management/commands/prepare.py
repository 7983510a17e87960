"""`manage.py prepare`: what a stack needs before it serves."""

import json
import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Max

from apps.events.models import Partition
from config import celery, stack


class Command(BaseCommand):
    """All in one process, because starting Django takes longer than what it does here."""

    help = (
        "Bring the database up to date, make the demo tenant (--demo), and write down which "
        "workers the log's map asks for. `manage.py up` does this first."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether the demo is wanted."""
        parser.add_argument("--demo", action="store_true", help="make the demo tenant too")

    def handle(self, **options: Any) -> None:
        """Safe to repeat."""
        call_command("migrate", verbosity=0, interactive=False)
        if options["demo"]:
            call_command("demo", setup=True)
        file = settings.VAR_DIR / stack.WORKERS_FILE
        file.write_text(json.dumps(_workers(), indent=1))


def _workers() -> dict[str, list[str]]:
    """Return the queues of each worker: one a shard, one that calls out, one for what the clock starts.

    `LOCKSTEP_SHARDS` asks for more shards than the map uses, before `manage.py reshard` spreads
    the partitions over them.
    """
    highest = Partition.objects.aggregate(highest=Max("queue_shard"))["highest"] or 0
    shards = max(highest + 1, int(os.environ.get("LOCKSTEP_SHARDS") or 1))
    workers = {f"shard{shard}": celery.shard_queues(shard) for shard in range(shards)}
    return {
        **workers,
        stack.CALLER: celery.calling_queues(shards),
        "housekeeping": celery.HOUSEKEEPING_QUEUES,
    }
