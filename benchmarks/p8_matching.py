"""P8: matching. What a pick costs beside a round trip, matches a second, and how soon a freed place is filled."""

from collections.abc import Callable
from functools import partial

from benchmarks import matching_work as work
from benchmarks.clients import Clients
from benchmarks.contender import COST, Contender
from benchmarks.lab import Lab, celery_worker
from benchmarks.measure import Chapter, Series, Turn, quantile, take_turns
from benchmarks.options import Options

Say = Callable[[str], None]
WAITING = 1_000
AGENTS = 20
PICKS = 300


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    say("letting a thousand customers wait")
    tenant = work.prepare(AGENTS)
    chapters = [_picking(tenant, options, say), *_giving(tenant, options, say)]
    return [*chapters, _freed(lab, tenant, options, say)]


def _picking(tenant: int, options: Options, say: Say) -> Chapter:
    chapter = Chapter(
        "P8.1",
        f"Matching: one pick with {WAITING:,} waiting",
        f"{AGENTS} agents with room and skills; pick and reserve in Redis, one at a time. The limit "
        "is one round trip to the same server.",
    )
    ours = [chapter.new(f"pick: {which}", "ours", "ms") for which in ("p50", "p95")]
    limit = [chapter.new(f"one GET: {which}", "limit", "ms") for which in ("p50", "p95")]
    turns: list[Turn] = [
        ("picks", partial(_time, partial(work.picks, tenant, WAITING, PICKS), ours)),
        ("round trips", partial(_time, partial(work.round_trips, PICKS), limit)),
    ]
    take_turns(turns, options.rounds, say)
    chapter.series.append(_quotient(ours[1], limit[1]))
    chapter.at_most("p95 of a pick, in round trips", chapter.series[-1], 3)
    return chapter


def _quotient(ours: Series, limit: Series) -> Series:
    values = [one / other for one, other in zip(ours.values, limit.values, strict=True)]
    return Series("pick ÷ round trip, p95", "also", "round trips", values)


def _time(call: Callable[[], list[float]], series: list[Series]) -> None:
    seconds = call()
    for one, share in zip(series, (0.5, 0.95), strict=True):
        one.add(1000 * quantile(seconds, share))


def _giving(tenant: int, options: Options, say: Say) -> list[Chapter]:
    rates = Chapter(
        "P8.2",
        "Matching: matches per second, confirmed and told",
        f"{WAITING:,} waiting; ours picks in Redis and confirms up to 50 in a transaction. The peer "
        "does what help desks do: the oldest FOR UPDATE SKIP LOCKED, agents counted and sorted by "
        "the ORM, the agent's row locked and counted again. Same tables, same facts.",
    )
    costs = Chapter("P8.3", "Matching: what a match costs", COST)
    ours = Contender.new(rates, costs, "pick in Redis, confirm in PostgreSQL", "ours", "match")
    peer = Contender.new(rates, costs, "ORM with row locks", "peer", "match")
    turns: list[Turn] = [
        ("ours", partial(_match, partial(work.give_out, tenant), tenant, WAITING, ours)),
        ("ORM", partial(_match, partial(work.by_orm, tenant, PICKS), tenant, PICKS, peer)),
    ]
    take_turns(turns, options.rounds, say)
    rates.ratio("ours ÷ ORM with row locks", ours.rate, peer.rate, 5)
    for chapter in (rates, costs):
        for series in chapter.series:
            series.unit = series.unit.replace("matchs", "matches")
    return [rates, costs]


def _match(call: Callable[[], int], tenant: int, total: int, figures: Contender) -> None:
    work.let_wait(tenant, WAITING)
    with figures.measure(total):
        done = call()
    assert done == total, f"{done} of {total} were matched"


def _freed(lab: Lab, tenant: int, options: Options, say: Say) -> Chapter:
    frees = options.size(250, 30)
    total = frees * options.rounds
    chapter = Chapter(
        "P8.4",
        f"Matching: a freed place is filled, {WAITING:,} waiting",
        "A full house; a conversation ends, and a Celery worker, woken by the log, gives the place "
        "to the next; another customer comes, and the next conversation ends at once. From the call "
        f"that ends it to the match that is seen, {frees} times a round; then the median of each part.",
    )
    shares = (("p50", 0.5), ("p99", 0.99))
    series = [chapter.new(f"filled: {which}", "ours", "ms") for which, _ in shares]
    pooled = [chapter.new(f"filled: {which} of all {total:,}", "ours", "ms") for which, _ in shares]
    parts = {name: chapter.new(f"of this: {name}", "also", "ms") for name in work.PARTS}
    fills: list[work.Fill] = []
    work.fill_up(tenant, WAITING)
    command = celery_worker("config", "matching.0", "matching.1")
    with lab.process("matching", *command) as worker, Clients() as clients:
        worker.wait_for("ready.")
        clients.once(partial(work.settle, tenant))
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}: freeing {frees} places")
            fills += (found := work.free_places(tenant, frees))
            for one, (_, share) in zip(series, shares, strict=True):
                one.add(1000 * quantile([fill.seconds for fill in found], share))
            for name, part in parts.items():
                part.add(1000 * quantile([fill.parts[name] for fill in found], 0.5))
    for one, (_, share) in zip(pooled, shares, strict=True):
        one.add(1000 * quantile([fill.seconds for fill in fills], share))
    chapter.at_most("p99 of a freed place", pooled[1], 1000)
    return chapter
