"""`manage.py import_conversations FILE --tenant SLUG`: dialogues of the past from a file of JSON lines."""

import gzip
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from apps.conversations import services
from apps.conversations.dialogues import FORMS, Dialogue, read
from apps.core.exceptions import Fault, fault
from apps.tenants.exceptions import TenantNotFound
from apps.tenants.services import get_tenant

CHUNK = 200  # dialogues in one transaction


class Command(BaseCommand):
    """Reads line by line, takes chunks over, puts what is refused aside with every reason."""

    help = (
        "Import dialogues of the past from JSON lines (.jsonl or .jsonl.gz), closed and with all "
        "messages; again changes nothing. Lines that are refused go to --rejects with their reasons."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """File, tenant, form, and where refused lines go."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--form", choices=sorted(FORMS), default="neutral")
        parser.add_argument("--source", default="", help="Whose ids these are; the file's name.")
        parser.add_argument("--rejects", type=Path, help="A file for what is refused.")
        parser.add_argument("--limit", type=int, default=0, help="Only so many lines.")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and say what became of it."""
        try:
            tenant = get_tenant(options["tenant"]).pk
        except TenantNotFound as error:
            raise CommandError(str(error)) from error
        file: Path = options["file"]
        if not file.is_file():
            raise CommandError(f"{file} is no file.")
        source = options["source"] or file.name.split(".")[0]
        total, rejects = services.Imported(), []
        chunk: list[Dialogue] = []

        def take() -> None:
            done = services.import_dialogues(tenant, source, chunk)
            total.accepted += done.accepted
            total.known += done.known
            total.messages += done.messages
            chunk.clear()

        for number, found in self._lines(file, options):
            if isinstance(found, Dialogue):
                chunk.append(found)
                if len(chunk) >= CHUNK:
                    take()
            else:
                rejects.append({"line": number, "errors": found})
        if chunk:
            take()
        self._report(total, rejects, options)

    def _lines(
        self, file: Path, options: dict[str, Any]
    ) -> Iterator[tuple[int, Dialogue | list[Fault]]]:
        """Each line by its number: a dialogue, or what is wrong with it. Shows how far it is."""
        now, size = timezone.now(), file.stat().st_size
        console = Console(stderr=True, quiet=options["json"])
        with file.open("rb") as raw, Progress(console=console, transient=True) as progress:
            task = progress.add_task(file.name, total=size)
            stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw  # type: ignore[assignment] # reads bytes like one
            for number, text in enumerate(stream, 1):
                if options["limit"] and number > options["limit"]:
                    return
                if text.strip():
                    yield number, _read(text, options["form"], now)
                progress.update(task, completed=raw.tell())

    def _report(
        self, total: services.Imported, rejects: list[dict[str, Any]], options: dict[str, Any]
    ) -> None:
        if options["rejects"]:
            lines = (json.dumps(one) + "\n" for one in rejects)
            options["rejects"].write_text("".join(lines))
        counts = {
            "accepted": total.accepted,
            "replayed": total.known,
            "rejected": len(rejects),
            "messages": total.messages,
        }
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write(", ".join(f"{name} {count}" for name, count in counts.items()))
            for one in rejects[:20]:
                reasons = "; ".join(f"{e['field']}: {e['detail']}" for e in one["errors"])
                self.stderr.write(f"line {one['line']}: {reasons}")


def _read(text: bytes, form: str, now: Any) -> Dialogue | list[Fault]:
    try:
        return read(FORMS[form](json.loads(text)), now=now)
    except (ValueError, RecursionError) as error:
        return [fault("", "not_json", f"This is no JSON: {error}")]
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        detail = f"This is no dialogue of the form {form}: {error!r}"
        return [fault("", "other_form", detail)]
