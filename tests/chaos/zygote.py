"""A process with Django set up that turns into workers and clients when it is asked to.

Starting Python and importing everything takes seconds, a fork takes none; and what forks off is a
process like any other: it can be killed, frozen and started again.
"""

import json
import os
import random
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import django

from tests.waiting import wait_until


def main() -> None:
    """Read orders, one a line, and answer each with the pid of the process that carries it out."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.chaos.settings")
    django.setup()
    from celery.bin import worker  # noqa: F401, PLC0415 - loaded once, for all that fork off

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: no zombies
    print("ready", flush=True)  # noqa: T201 - the protocol
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(order)
        print(pid, flush=True)  # noqa: T201 - the protocol


def _become(order: dict[str, Any]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    random.seed()
    code = 1
    try:
        globals()[f"be_{order['what']}"](**order["how"])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        sys.stderr.write(f"{end}\n")
    except BaseException:  # noqa: BLE001 - the last word of a process goes to its log
        traceback.print_exc()
    finally:
        Path(order["log"]).with_suffix(".exit").write_text(str(code))
        sys.stderr.flush()
        os._exit(code)


def be_worker(argv: list[str], wakes: int | None = None) -> None:
    """A Celery worker."""
    from config.celery import app  # noqa: PLC0415 - after Django's start
    from tests.chaos import astray  # noqa: PLC0415 - same

    astray.send_copies(wakes)
    app.worker_main(argv)


def be_client(plan: dict[str, Any], wakes: int | None = None) -> None:
    """A load."""
    from tests.chaos import astray, client  # noqa: PLC0415 - after Django's start

    astray.send_copies(wakes)
    client.Client(client.Plan(**plan)).run()


def be_drainer(handler: str, topic: str, partition: int, die_at: str = "", after: int = 0) -> None:
    """One drain, in batches of two, that dies at a step; or else goes on to the end."""
    from apps.events.services import Outcome, drain, draining  # noqa: PLC0415 - after Django's start

    draining._limits[handler] = 2
    draining._learn = lambda *_: None
    _die_at(die_at, after)
    # a killed one's session may be busy with dying
    wait_until(lambda: drain(handler, topic, partition, seconds=180) is Outcome.DONE, 180)


def be_publisher(facts: list[tuple[str, int]], die_at: str = "") -> None:
    """One unit of work, that dies at a step."""
    from apps.events.services import unit_of_work  # noqa: PLC0415 - after Django's start
    from tests.chaos.toys import ThingAdded  # noqa: PLC0415 - same

    _die_at(die_at, 0)
    with unit_of_work() as work:
        for key, number in facts:
            work.publish(ThingAdded(number=number), tenant=1, key=key)


def be_command(name: str, arguments: list[str]) -> None:
    """A management command."""
    from django.core.management import call_command  # noqa: PLC0415 - after Django's start

    call_command(name, *arguments)


def _die_at(point: str, after: int) -> None:
    """What `LOCKSTEP_BARRIER=<point>:kill` does in a process that starts from scratch."""
    from apps.events.services import barriers  # noqa: PLC0415 - after Django's start

    barriers._deadly, barriers._action, barriers._passes_left = point, "kill", after


if __name__ == "__main__":
    main()
