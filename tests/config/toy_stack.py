"""A supervisor over toy processes: `python toy_stack.py DIRECTORY '[{"name": …}, …]'`.

With SERVICES=1 in the environment it has embedded servers too; with NURSERY=<module> a nursery.
"""

import json
import os
import sys
from contextlib import ExitStack, closing
from pathlib import Path

from config.stack import OwnServices
from config.supervisor import (
    AlreadyRunning,
    Console,
    Nursery,
    ProcessSpec,
    Stopped,
    StopRequest,
    Supervisor,
    Watchdog,
    claim,
)


def main(directory: Path, specs: list[ProcessSpec]) -> None:
    with (
        closing(Console(sys.stdout.fileno(), directory / "log")) as console,
        claim(directory / "up.lock") as lock,
        StopRequest() as stop,
        Watchdog(lock) as watchdog,
        ExitStack() as stack,
    ):
        try:
            services = OwnServices(directory, watchdog, console)
            keep = lambda: None  # noqa: E731 - nothing to keep
            if os.environ.get("SERVICES"):
                stack.enter_context(services)
                keep = services.keep
            nursery = None
            if module := os.environ.get("NURSERY"):
                nursery = stack.enter_context(closing(Nursery(module, os.environ)))
            with Supervisor(console, watchdog, stop, os.environ, keep, nursery) as supervisor:
                supervisor.start(specs)
                supervisor.wait_ready()
                console.plain("READY")
                supervisor.wait()
        except Stopped:
            console.plain("STOPPED")


if __name__ == "__main__":
    told = [
        ProcessSpec(**spec | {"command": tuple(spec["command"])})
        for spec in json.loads(sys.argv[2])
    ]
    try:
        main(Path(sys.argv[1]), told)
    except AlreadyRunning as error:
        sys.exit(str(error))
