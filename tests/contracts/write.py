"""`python -m tests.contracts.write`: release the contracts as they are declared now.

New versions get their file; a compatible change of a released version is taken over. An
incompatible one is refused: it needs a new version and an upcaster. `--force` is for versions that
never left this machine.
"""

import os
import sys

import django


def main(*, force: bool) -> int:
    """Write what may be written; the exit code."""
    from tests.contracts.golden import declared, released  # noqa: PLC0415 - after Django's start

    before = {golden.path: golden for golden in released()}
    refused = 0
    for golden in declared():
        found = before.pop(golden.path, None)
        if found == golden:
            continue
        faults = found.faults_of(golden) if found else []
        if faults and not force:
            refused += 1
            print(f"refused: {golden.path.name}", *faults, sep="\n  ")  # noqa: T201 - a command
            continue
        golden.path.write_text(golden.text())
        print("changed:" if found else "new:", golden.path.name)  # noqa: T201 - a command
    return 1 if refused else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    sys.exit(main(force="--force" in sys.argv[1:]))
