"""`python -m apps.nlu.management.stubs`: the stand-ins as a small process of a stack, without Django."""

import argparse
from pathlib import Path

from apps.nlu.management.stubs.brain import BUILT_IN, Brain
from apps.nlu.management.stubs.server import Stubs, serve


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Stand-ins for NLU providers, on the loopback.")
    parser.add_argument("--port", type=int, default=8004)
    parser.add_argument("--examples", type=Path, help="CSV text,intent that they understand")
    asked = parser.parse_args()
    brain = Brain.of_file(asked.examples) if asked.examples else Brain(BUILT_IN)
    stubs = Stubs(brain, seed=1)
    serve(stubs, asked.port)


if __name__ == "__main__":
    main()
