"""Processes that give out, take and finish work, all at once: `python -m tests.agents.matchers`.

Django is loaded once; what forks off is a process of its own, with connections of its own.
"""

import json
import os
import random
import sys
import time
import traceback
from typing import Any
from uuid import UUID

import django


def main() -> int:
    """Run as the orders on standard input say; 0 if nobody met with an error."""
    orders = json.load(sys.stdin)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - after the set-up

    settings.REDIS_PREFIX = orders["prefix"]
    pids = []
    for number in range(orders["processes"]):
        pid = os.fork()
        if pid == 0:
            os._exit(become(number, orders))
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    return max(codes)


def become(number: int, orders: dict[str, Any]) -> int:
    """One process: its part of the work comes in, then it matches and finishes until told to stop."""
    from apps.agents import services  # noqa: PLC0415 - after the set-up

    rng = random.Random(number)
    tenant = orders["tenant"]
    try:
        for kind, work, queued_at, priority in orders["works"][number :: orders["processes"]]:
            skills = {kind: 3} if kind else {}
            terms = services.WorkTerms(
                UUID(work), "web", skills=skills, priority=priority, queued_at=moment(queued_at)
            )
            services.queue_work(tenant, terms)
        wait_for_all(tenant, len(orders["works"]), orders["seconds"])
        deadline = time.monotonic() + orders["seconds"]
        while done_of(tenant) < orders["enough"]:
            if time.monotonic() > deadline:
                return 3
            services.look(tenant)
            take_and_finish(tenant, rng)
    except BaseException:  # noqa: BLE001 - the last word of a process
        traceback.print_exc()
        return 1
    return 0


def take_and_finish(tenant: int, rng: random.Random) -> None:
    """As agents do: accept, sometimes decline, finish. Another process may have been faster."""
    from apps.agents import services  # noqa: PLC0415 - after the set-up
    from apps.agents.exceptions import OfferGone, UnknownWork  # noqa: PLC0415 - see above
    from apps.agents.models import Assignment  # noqa: PLC0415 - see above

    rows = Assignment.objects.for_tenant(tenant).exclude(state="ended")
    live = list(rows.values_list("work__work_id", "agent_id", "state"))
    for work, agent, state in rng.sample(live, min(4, len(live))):
        try:
            if state == "active":
                services.complete_work(tenant, work)
            elif rng.random() < 0.1:
                services.decline_offer(tenant, work, agent, reason="no")
            else:
                services.accept_offer(tenant, work, agent)
        except (OfferGone, UnknownWork):
            continue


def wait_for_all(tenant: int, count: int, seconds: float) -> None:
    """Until the works of all processes are there."""
    from apps.agents.models import Work  # noqa: PLC0415 - after the set-up
    from tests.waiting import wait_until  # noqa: PLC0415 - see above

    wait_until(lambda: Work.objects.for_tenant(tenant).count() == count, seconds, every=0.1)


def done_of(tenant: int) -> int:
    """How many works are finished."""
    from apps.agents.models import Work  # noqa: PLC0415 - after the set-up

    return Work.objects.for_tenant(tenant).filter(state="done").count()


def moment(text: str) -> Any:
    """A time from its text."""
    from datetime import datetime  # noqa: PLC0415 - only processes that queue need it

    return datetime.fromisoformat(text)


if __name__ == "__main__":
    sys.exit(main())
