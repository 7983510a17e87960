"""The peers that are job queues, each with one worker: jobs run in the order of arrival."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.lab import Lab, Process, celery_worker, python
from benchmarks.peers import celery_app, huey_app, procrastinate_app


@dataclass(frozen=True)
class Peer:
    """A job queue whose worker is up."""

    name: str
    worker: Process
    send: Callable[..., None]
    """Takes the job's name, the account that it is about, and the job's arguments."""


@contextmanager
def running(lab: Lab) -> Iterator[list[Peer]]:
    """Start a worker of each."""
    procrastinate_app.prepare()
    commands = [
        ("plain Celery, one queue", celery_app.send, "ready.",
         celery_worker("benchmarks.peers.celery_app", "bench")),
        ("procrastinate, lock=account", procrastinate_app.send, "Starting worker",
         python("-m", "procrastinate", "--app=benchmarks.peers.procrastinate_app.app", "worker")),
        ("huey, one worker", huey_app.send, "Huey consumer",
         python("-m", "huey.bin.huey_consumer", "benchmarks.peers.huey_app.huey", "-w", "1")),
    ]  # fmt: skip
    with ExitStack() as stack:
        peers = []
        for name, send, ready, command in commands:
            worker = stack.enter_context(lab.process(name.split()[0].strip(","), *command))
            worker.wait_for(ready)
            peers.append(Peer(name, worker, send))
        yield peers
