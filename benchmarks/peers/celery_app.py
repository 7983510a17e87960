"""Plain Celery, set up as its guides say for speed and order: a task a job, one queue, one worker."""

import os

from celery import Celery

from benchmarks.peers import work

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"], set_as_current=False)
app.conf.update(
    task_ignore_result=True,
    task_default_queue="bench",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task
def do(job: str, arguments: list[str]) -> None:
    work.JOBS[job](*arguments)


def send(job: str, lock: str, *arguments: str) -> None:
    do.delay(job, arguments)
