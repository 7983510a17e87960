"""What `benchmarks/run.py` does: measure, show, keep."""

import argparse
import importlib
import json
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import kept, report
from benchmarks.lab import Lab
from benchmarks.machine import describe
from benchmarks.measure import Chapter
from benchmarks.options import Options

HERE = Path(__file__).parent
OUT = HERE / "out"
RESULTS = HERE / "results"
PEERS = ("procrastinate", "huey", "hordak", "channels_redis")
MODULES = {
    "P1": "p1_trades",
    "P2": "p2_single",
    "P3": "p3_positions",
    "P4": "p4_ledger",
    "P5": "p5_days",
    "P6": "p6_delivery",
    "P8": "p8_matching",
    "P9": "p9_facade",
    "P10": "p10_classifier",
    "P11": "p11_log",
    "P12": "p12_stack",
    "P13": "p13_growth",
}


def main() -> None:
    options = _arguments()
    if missing := [name for name in PEERS if find_spec(name) is None]:
        sys.exit(f"{', '.join(missing)}: not installed; `make bench` installs the peers")
    if options.markdown is not None:
        runs = kept.read(Path(options.markdown) if options.markdown else _newest())
        print("\n".join(map(report.markdown, runs)))
        return
    screen = Console()
    found = _measure(options, screen)
    report.show(found, screen)
    OUT.mkdir(exist_ok=True)
    (OUT / "benchmarks.json").write_text(json.dumps(found, indent=1))
    (OUT / "benchmarks.html").write_text(report.page(found))
    if options.keep:
        screen.print(kept.keep(found, RESULTS))
    screen.print(f"\n{OUT / 'benchmarks.html'}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure beside limits and peers.")
    parser.add_argument("only", nargs="*", metavar="ROW", help=f"of {', '.join(MODULES)}; all")
    parser.add_argument("--rounds", type=int, help="turns of each contender (5; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="a smoke run of about a minute")
    parser.add_argument("--keep", action="store_true", help="keep the figures in results/")
    parser.add_argument(
        "--markdown", nargs="?", const="", metavar="FILE", help="print a table of kept figures"
    )
    options = parser.parse_args()
    if unknown := set(options.only) - set(MODULES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def _measure(options: argparse.Namespace, screen: Console) -> dict[str, Any]:
    sizes = Options(options.rounds or (1 if options.quick else 5), options.quick)
    started = time.monotonic()
    chapters: list[Chapter] = []
    with Lab() as lab, screen.status("starting") as status:
        machine = describe(lab.urls.database_url, lab.urls.redis_url)
        lab.prepare()
        for key in [key for key in MODULES if key in (options.only or MODULES)]:
            lab.renew()
            module = importlib.import_module(f"benchmarks.{MODULES[key]}")
            chapters += module.run(lab, sizes, lambda text, key=key: status.update(f"{key} {text}"))
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": sizes.rounds,
        "quick": sizes.quick,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "machine": machine,
        "chapters": [chapter.as_dict() for chapter in chapters],
    }


def _newest() -> Path:
    days = sorted(RESULTS.glob("*.json"))
    return days[-1] if days else OUT / "benchmarks.json"
