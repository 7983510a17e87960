"""Figures for people: a table on the screen, one for the documentation, and a page of charts."""

from collections.abc import Iterator
from html import escape
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Chapter, Series, short

Found = dict[str, Any]
STYLES = {"ours": "bold green", "limit": "yellow", "peer": "cyan", "also": "dim"}


def show(found: Found, screen: Console) -> None:
    """Print the figures to a terminal."""
    for chapter in _chapters(found):
        table = Table(title=f"{chapter.key}  {chapter.title}", caption=chapter.how, expand=False)
        for column in ("what", "who"):
            table.add_column(column)
        for column in ("median", "lowest", "highest"):
            table.add_column(column, justify="right")
        table.add_column("unit")
        for one in chapter.series:
            cells = (
                one.name,
                one.role,
                short(one.median),
                short(one.low),
                short(one.high),
                one.unit,
            )
            table.add_row(*cells, style=STYLES[one.role])
        screen.print(table)
        for goal in chapter.goals:
            screen.print(f"  {'[green]✓' if goal.is_met else '[red]✗'}[/] {goal}")
        screen.print()


def markdown(found: Found) -> str:
    """Return the tables of docs/benchmarks.md."""
    lines = [_machine(found), ""]
    for chapter in _chapters(found):
        lines += [f"## {chapter.key} {chapter.title}", "", chapter.how, ""]
        lines += ["| what | who | median | lowest – highest | unit |", "|---|---|---:|---:|---|"]
        lines += [
            f"| {one.name} | {one.role} | {short(one.median)} | "
            f"{short(one.low)} – {short(one.high)} | {one.unit} |"
            for one in chapter.series
        ]
        lines += ["", *(f"- {'✓' if goal.is_met else '✗'} {goal}" for goal in chapter.goals), ""]
    return "\n".join(lines)


def page(found: Found) -> str:
    """Return a page of charts that needs nothing but itself."""
    body = "\n".join(_section(chapter) for chapter in _chapters(found))
    return PAGE.format(machine=escape(_machine(found)), body=body)


def _chapters(found: Found) -> Iterator[Chapter]:
    for data in found["chapters"]:
        chapter = Chapter.from_dict(data)
        chapter.series = [one for one in chapter.series if one.values]
        yield chapter


def _machine(found: Found) -> str:
    on, postgres = found["machine"], found["machine"]["postgres"]
    return (
        f"{found['date'][:10]}, commit {on['commit']}: {on['cores']} × {on['processor']}, "
        f"{on['memory_gb']} GB, {on['system']}, Python {on['python']}, "
        f"PostgreSQL {postgres['server_version']} (fsync {postgres['fsync']}, synchronous_commit "
        f"{postgres['synchronous_commit']}, shared_buffers {postgres['shared_buffers']}), Valkey "
        f"{on['valkey']}; {found['rounds']} round(s){' (quick)' if found['quick'] else ''}, "
        f"load before: {on['load_before']}."
    )


def _section(chapter: Chapter) -> str:
    goals = "".join(
        f'<li class="{"met" if goal.is_met else "missed"}">{escape(str(goal))}</li>'
        for goal in chapter.goals
    )
    charts = "".join(_chart(unit, chapter.series) for unit in _units(chapter))
    return (
        f"<section><h2>{escape(f'{chapter.key} {chapter.title}')}</h2>"
        f"<p>{escape(chapter.how)}</p>{charts}<ul>{goals}</ul></section>"
    )


def _units(chapter: Chapter) -> list[str]:
    """Figures of one unit share a chart; jobs, rows and events a second are one unit to the eye."""
    return list(dict.fromkeys(_axis(one.unit) for one in chapter.series))


def _axis(unit: str) -> str:
    return "per second" if unit.endswith("/s") else unit


def _chart(axis: str, series: list[Series]) -> str:
    """Bars of medians, each with a whisker from the lowest to the highest round."""
    shown = [one for one in series if _axis(one.unit) == axis]
    top = max(one.high for one in shown) or 1
    rows = []
    for number, one in enumerate(shown):
        y, width = 26 * number, 360 * one.median / top
        low, high = 400 + 360 * one.low / top, 400 + 360 * one.high / top
        rows.append(
            f'<text x="392" y="{y + 15}" text-anchor="end">{escape(one.name)}</text>'
            f'<rect class="{one.role}" x="400" y="{y + 3}" width="{width:.1f}" height="16"/>'
            f'<path class="whisker" d="M{low:.1f} {y + 11}H{high:.1f}"/>'
            f'<text x="{high + 6:.1f}" y="{y + 15}">{short(one.median)} {escape(one.unit)}</text>'
        )
    height = 26 * len(shown)
    return f'<svg viewBox="0 0 900 {height}" role="img" aria-label="{axis}">{"".join(rows)}</svg>'


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Lockstep benchmarks</title>
<meta name="viewport" content="width=device-width"><style>
:root {{ color-scheme: light dark; --ours: #1f9d61; --limit: #c98a12; --peer: #3d7fc4;
  --also: #8a8a8a; --ink: light-dark(#1c1c1e, #ececec); }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: light-dark(#fff, #161618); }}
svg {{ width: 100%; margin: .5rem 0; }} text {{ font-size: 12px; fill: var(--ink); }}
.ours {{ fill: var(--ours); }} .limit {{ fill: var(--limit); }} .peer {{ fill: var(--peer); }}
.also {{ fill: var(--also); }} .whisker {{ stroke: var(--ink); stroke-width: 1.5; }}
.met::marker {{ content: "✓  "; color: var(--ours); }}
.missed::marker {{ content: "✗  "; color: #d33; }}
small span {{ display: inline-block; width: .8em; height: .8em; margin: 0 .4em 0 1em; }}
</style><h1>Lockstep benchmarks</h1><p>{machine}</p>
<small><span style="background:var(--ours)"></span>ours<span style="background:var(--limit)"></span>
limit<span style="background:var(--peer)"></span>peer; the line goes from the lowest round to the
highest</small>
{body}</html>
"""
