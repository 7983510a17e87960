"""P9: the facade. What it costs, what hedging and a second provider bring, and which calls it saves."""

import csv
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from apps.nlu.facade.plan import Terms
from benchmarks import facade_work as work
from benchmarks.corpora import Turn as Said
from benchmarks.corpora import customers_turns
from benchmarks.facade_work import Seen, Stubs
from benchmarks.lab import Lab
from benchmarks.measure import Chapter, Series, Turn, quantile, take_turns
from benchmarks.options import Options

Say = Callable[[str], None]
AT_ONCE = 16
BIMODAL = [[0.97, 0.05], [0.03, 1.5]]
"""Shares and seconds: three of a hundred answers take thirty times as long."""
FAILING = 0.07
TRACE_AT_ONCE = 32
KNOWN = 400
"""The commonest texts of the trace, which the stand-in understands."""


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    with work.standing_in(lab) as stubs:
        chapters = [
            _overhead(stubs, options, say),
            _hedging(stubs, options, say),
            _availability(stubs, options, say),
            _hanging(stubs, options, say),
        ]
    return [*chapters, *_trace(lab, options, say)]


def _overhead(stubs: Stubs, options: Options, say: Say) -> Chapter:
    calls = options.size(400, 40)
    chapter = Chapter(
        "P9.1",
        "The facade: what a call costs",
        f"{calls} questions, one after another, over the real wire to a stand-in that answers at once. The limit "
        "is the same request with nothing around it; the difference is the facade's own.",
    )
    ours = [chapter.new(f"asked: {which}", "ours", "ms") for which in ("p50", "p95")]
    limit = [chapter.new(f"the bare request: {which}", "limit", "ms") for which in ("p50", "p95")]
    over = chapter.new("overhead of a question that is asked, p50", "ours", "ms")
    known = chapter.new("known to the process: p95", "ours", "ms")
    shared = chapter.new("known to another process (Redis): p95", "ours", "ms")

    def asked() -> None:
        mine, bare = work.one_by_one(stubs, calls)
        _quantiles(ours, mine, (0.5, 0.95))
        _quantiles(limit, bare, (0.5, 0.95))
        over.add(1000 * (quantile(mine, 0.5) - quantile(bare, 0.5)))

    turns: list[Turn] = [
        ("asked", asked),
        ("known", lambda: known.add(1000 * quantile(work.cached(stubs, calls), 0.95))),
        ("shared", lambda: shared.add(1000 * quantile(work.cached_elsewhere(stubs, calls), 0.95))),
    ]
    take_turns(turns, options.rounds, say)
    for series in (over, known, shared):
        chapter.at_most(series.name, series, 2)
    return chapter


def _hedging(stubs: Stubs, options: Options, say: Say) -> Chapter:
    calls = options.size(2_000, 150)
    chapter = Chapter(
        "P9.2",
        "The facade: a provider with two faces, with and without hedging",
        f"{calls:,} questions, {AT_ONCE} at once. 97 % of the first provider's answers take 50 ms, 3 % take "
        "1.5 s; the second takes 60 ms and is asked when the first has been silent for its own p95 "
        "(at least 250 ms), within a budget of 10 %.",
    )
    without = [chapter.new(f"without hedging: {which}", "limit", "ms") for which in ("p50", "p99")]
    with_ = [chapter.new(f"with hedging: {which}", "ours", "ms") for which in ("p50", "p99")]
    more = chapter.new("second calls", "ours", "% of first ones")
    cut = chapter.new("p99 is cut by", "ours", "%")

    def turn(share: float) -> Seen:
        stubs.reset()
        stubs.script("cx", latency=BIMODAL)
        stubs.script("openai", latency=0.06)
        both = stubs.provider("cx"), stubs.provider("openai")
        terms = Terms(cache=False, hedge_share=share)
        return work.load([work.unseen() for _ in range(calls)], terms, *both, at_once=AT_ONCE)

    def plain() -> None:
        _quantiles(without, turn(0.0).seconds, (0.5, 0.99))

    def hedged() -> None:
        seen = turn(0.1)
        _quantiles(with_, seen.seconds, (0.5, 0.99))
        more.add(100 * seen.more / seen.first)

    take_turns([("plain", plain), ("hedged", hedged)], options.rounds, say)
    for before, after in zip(without[1].values, with_[1].values, strict=True):
        cut.add(100 * (1 - after / before))
    chapter.at_least("p99 is cut", cut, 60)
    chapter.at_most("second calls", more, 10)
    return chapter


def _availability(stubs: Stubs, options: Options, say: Say) -> Chapter:
    calls = options.size(4_000, 200)
    chapter = Chapter(
        "P9.3",
        "The facade: two providers that fail",
        f"{calls:,} questions, {AT_ONCE} at once. Each provider answers 503 to 7 % of its calls, at random; an "
        "answer of the local classifier counts as none here.",
    )
    ours = chapter.new("answered by a provider", "ours", "%")
    limit = chapter.new("one provider, asked once", "limit", "%")

    def turn() -> None:
        stubs.reset()
        for at in ("cx", "openai"):
            stubs.script(at, fault="503", share=FAILING)
        both = stubs.provider("cx"), stubs.provider("openai")
        texts = [work.unseen() for _ in range(calls)]
        seen = work.load(texts, Terms(cache=False), *both, at_once=AT_ONCE)
        ours.add(100 * (1 - seen.by["local"] / calls))
        limit.add(100 * (1 - FAILING))

    take_turns([("failing", turn)], options.rounds, say)
    chapter.at_least("answered by a provider", ours, 99.5)
    return chapter


def _hanging(stubs: Stubs, options: Options, say: Say) -> Chapter:
    calls = options.size(500, 50)
    chapter = Chapter(
        "P9.4",
        "The facade: when nobody answers",
        f"{calls} questions at the same moment, to a provider that takes them and is silent; then {calls} more, "
        "whose breaker is open. The answer is the local classifier's.",
    )
    slow = [chapter.new(f"the provider hangs: {which}", "ours", "ms") for which in ("p50", "p100")]
    shut = [chapter.new(f"its breaker is open: {which}", "ours", "ms") for which in ("p50", "p99")]

    def turn() -> None:
        stubs.reset()
        stubs.script("cx", fault="hang")
        texts = [work.unseen() for _ in range(calls)]
        first = stubs.provider("cx")
        terms = Terms(cache=False)
        seen = work.load(texts, terms, first, at_once=calls, warm=False)
        _quantiles(slow, seen.seconds, (0.5, 1.0))
        # Breakers stand in Redis: the next engine finds it open.
        seen = work.load(texts, terms, first, at_once=AT_ONCE, warm=False)
        _quantiles(shut, seen.seconds, (0.5, 0.99))

    take_turns([("hanging", turn)], options.rounds, say)
    chapter.at_most("no answer ever takes longer", slow[1], 2_100)
    return chapter


def _trace(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    size = options.size(12_000, 1_000)
    turns = customers_turns("finance")[:size]
    if not turns:
        say("the trace of real customers is not at hand; P9.5 is left out")
        return []
    chapter = Chapter(
        "P9.5",
        "The facade: calls that need not be made",
        f"What {size:,} turns of real customers of a bank (MultiDoGO) cost, in their order, {TRACE_AT_ONCE} at "
        "once: as many as come in five minutes at 12 million conversations a month, which is how long an "
        f"answer is believed. The stand-in understands the {KNOWN} commonest texts; what it does not "
        "understand is believed for 15 s only.",
    )
    saved = chapter.new("calls saved", "ours", "%")
    parts = {
        name: chapter.new(f"of them by {what}", "also", "%")
        for name, what in (("cache", "the cache"), ("shared", "asking together"))
    }
    with work.standing_in(lab, "--examples", str(_examples(lab, turns))) as stubs:
        turn = partial(_replay, stubs, turns, saved, parts)
        take_turns([("trace", turn)], options.rounds, say)
    chapter.at_least("calls saved", saved, 30)
    return [chapter]


def _replay(stubs: Stubs, turns: list[Said], saved: Series, parts: dict[str, Series]) -> None:
    stubs.reset()
    stubs.script("cx", latency=[0.05, 0.2])
    texts = [one.text for one in turns]
    terms, first = Terms(hedge_share=0), stubs.provider("cx")
    seen = work.load(texts, terms, first, at_once=TRACE_AT_ONCE, warm=False)
    saved.add(100 * (1 - stubs.calls() / len(turns)))
    for name, series in parts.items():
        series.add(100 * seen.by[name] / len(turns))


def _examples(lab: Lab, turns: list[Said]) -> Path:
    """The commonest texts, with the intent that people gave them."""
    common = Counter(one.text for one in turns).most_common(KNOWN)
    intents = {one.text: one.intent for one in reversed(turns)}
    file = lab.var / "examples.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["text", "intent"])
        rows.writerows([text, intents[text]] for text, _ in common)
    return file


def _quantiles(series: list[Series], seconds: list[float], shares: tuple[float, ...]) -> None:
    for one, share in zip(series, shares, strict=True):
        one.add(1000 * quantile(seconds, share))
