"""What a nursery's copies run: they say who they are, and stay."""

import os
import signal
import sys

from tests.config.toy_import import IMPORTED_BY

if __name__ == "__main__":
    copied = os.getpid() != IMPORTED_BY
    group = os.getpgid(0) == os.getpid()
    who = f"{os.environ['LOCKSTEP_PROCESS']} {sys.argv[1:]}"
    sys.stdout.write(f"pid {os.getpid()} copied={copied} group={group} {who}\n")
    sys.stdout.flush()
    signal.pause()
