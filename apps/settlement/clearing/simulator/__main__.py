"""`python -m apps.settlement.clearing.simulator`: run the simulator.

CLEARING_SECRET signs both ways; LOCKSTEP_URL is where our webhook is.
"""

import argparse
import os
from pathlib import Path

import msgspec
import uvicorn

from apps.settlement.clearing.simulator.behaviour import Settings
from apps.settlement.clearing.simulator.book import Book
from apps.settlement.clearing.simulator.delivery import Delivery
from apps.settlement.clearing.simulator.server import CODE, Simulator

NOTICES = "/api/v1/clearing/simulator/{participant}/notices"


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="A clearing system, for development and tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8003)
    parser.add_argument("--book", type=Path, help="a file; without one it is in memory")
    parser.add_argument("--settings", default="{}", help="JSON, as at PUT /control")
    asked = parser.parse_args()
    url = os.environ.get("LOCKSTEP_URL") or "http://127.0.0.1:8000"
    secret = os.environ.get("CLEARING_SECRET") or parser.error("CLEARING_SECRET is not set")
    settings = msgspec.json.decode(asked.settings, type=Settings)
    delivery = Delivery(url.rstrip("/") + NOTICES, secret, CODE)
    simulator = Simulator(Book(asked.book), secret, delivery, settings)
    uvicorn.run(
        simulator, host=asked.host, port=asked.port, log_level="warning", access_log=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip


if __name__ == "__main__":
    main()
