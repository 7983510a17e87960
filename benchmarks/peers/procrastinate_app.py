"""procrastinate: jobs in PostgreSQL; jobs of one lock run one after another."""

import os
from functools import cache

from procrastinate import App, PsycopgConnector

from benchmarks.peers import work

app = App(
    connector=PsycopgConnector(conninfo=os.environ["BENCH_PEERS_URL"], min_size=1),
    import_paths=["benchmarks.peers.procrastinate_app"],
)


@app.task(queue="bench")
def do(job: str, arguments: list[str]) -> None:
    work.JOBS[job](*arguments)


def send(job: str, lock: str, *arguments: str) -> None:
    do.configure(lock=lock).defer(job=job, arguments=list(arguments))


@cache
def prepare() -> None:
    """Make its tables, and stay open for `send`."""
    app.open()
    app.schema_manager.apply_schema()
