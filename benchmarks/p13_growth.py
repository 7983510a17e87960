"""P13: the same work at one, two, four and eight times the data: it must not get slower or dearer."""

from collections.abc import Callable

from benchmarks import market, p1_trades, p3_positions
from benchmarks.contender import COST, Contender
from benchmarks.lab import Lab
from benchmarks.measure import Chapter, Series
from benchmarks.options import Options
from benchmarks.p3_positions import within

Say = Callable[[str], None]
TIMES = (1, 2, 4, 8)


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    return [_positions(lab, options, say), *_trades(lab, options, say)]


def _positions(lab: Lab, options: Options, say: Say) -> Chapter:
    unit = options.size(250_000, 5_000)
    chapter = Chapter(
        "P13.1",
        "Positions over HTTP while an account's history grows",
        f"{unit:,} changes, then twice, four and eight times as many; calls as in P3.",
    )
    found: dict[int, dict[str, dict[str, Series]]] = {}
    with p3_positions.bench(lab, options, say) as ready:
        for times in TIMES:
            say(f"{times} × {unit:,} changes")
            before = 0 if times == 1 else times // 2
            p3_positions.grow(ready, unit * (times - before), is_first=times == 1)
            found[times] = p3_positions.measure(ready, chapter, unit * times, say, f", {times} ×")
    first, last = found[TIMES[0]], found[TIMES[-1]]
    for kind, name in (("warm", "from the cache"), ("cold", "past the cache"), ("as of", "as of")):
        within(chapter, f"p50 {name}, 8 × ÷ 1 ×", last[kind]["p50"], first[kind]["p50"], 1.2)
    return chapter


def _trades(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    unit = options.size(20_000, 1_000)
    rates = Chapter(
        "P13.2",
        "Trades booked per second while the tables grow",
        f"Windows of {unit:,} trades, 500 a call as in P1, each ending when one, two, four and eight "
        f"times as many are booked on {len(market.ACCOUNTS)} accounts.",
    )
    costs = Chapter("P13.3", "What a booked trade costs while the tables grow", COST)
    figures: dict[int, Contender] = {}
    with p1_trades._bench(lab, options, say) as bench:
        done = 0
        for times in TIMES:
            figures[times] = Contender.new(rates, costs, f"{times} ×", "ours", "trade")
            filling = Contender.new(Chapter("", "", ""), Chapter("", "", ""), "", "also", "trade")
            while done < unit * (times - 1):
                say(f"filling up to {times} ×")
                p1_trades._ours(bench, unit, p1_trades.BULK, filling)
                done += unit
            say(f"measuring at {times} ×")
            p1_trades._ours(bench, unit, p1_trades.BULK, figures[times])
            done += unit
    within(costs, "cost of a trade, 8 × ÷ 1 ×", figures[8].cost, figures[1].cost, 1.2)
    rates.ratio("trades a second, 8 × ÷ 1 ×", figures[8].rate, figures[1].rate, 0.8)
    return [rates, costs]
