"""huey on Redis: one worker, so that jobs run in the order of arrival."""

import os

from huey import RedisHuey

from benchmarks.peers import work

huey = RedisHuey("bench", url=os.environ["BENCH_REDIS_URL"], results=False)


@huey.task()
def do(job: str, arguments: list[str]) -> None:
    work.JOBS[job](*arguments)


def send(job: str, lock: str, *arguments: str) -> None:
    do(job, arguments)
