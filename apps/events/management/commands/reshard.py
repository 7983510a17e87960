"""`manage.py reshard N`: spread the partitions over N shard queues, under load if need be."""

from argparse import ArgumentParser
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError

from apps.events import registry, services


class Command(BaseCommand):
    """Change the map of partitions to shard queues."""

    help = (
        "Spread every topic's partitions over N shard queues (<lane>.0 … <lane>.N-1). Start the "
        "workers of new shards first: the command refuses shards that no worker serves, unless "
        "--force. Nothing has to stop; order and effects are guarded by the cursors."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """N and --force."""
        parser.add_argument("shards", type=int, help="how many shards, 1 to 64")
        parser.add_argument("--force", action="store_true", help="do not ask the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call."""
        shards = options["shards"]
        if not options["force"]:
            missing = sorted(_wanted(shards) - _served())
            if missing:
                raise CommandError(
                    f"No worker serves {', '.join(missing)}. Start workers with -Q for them first, "
                    "or use --force."
                )
        try:
            services.reshard(shards)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{shards} shards; processes follow within seconds")


def _wanted(shards: int) -> set[str]:
    lanes = {found.lane for found in registry.handlers()}
    return {f"{lane}.{shard}" for lane in lanes for shard in range(shards)}


def _served() -> set[str]:
    answers = current_app.control.inspect(timeout=2).active_queues() or {}
    return {queue["name"] for queues in answers.values() for queue in queues}
