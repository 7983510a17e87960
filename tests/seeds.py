"""The seed of everything random in a run: the same in every run, so that no run fails by chance.

A long run (`make chaos`) has another each time, and looks for what the short ones never meet.
CHAOS_SEED chooses one; a failure prints which it was.
"""

import os
import secrets

SEED = int(
    os.environ.get("CHAOS_SEED")
    or (secrets.randbelow(10**6) if os.environ.get("CHAOS_SECONDS") else 20_261_126)
)
