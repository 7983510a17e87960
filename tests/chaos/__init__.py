"""Faults against real processes: workers, PostgreSQL and Valkey of the test's own, and a load whose
every call is written down. Afterwards a checker holds the history against the log and its effects.

Everything random comes from one seed (tests/seeds.py), which a failure prints:
`CHAOS_SEED=… pytest tests/chaos`.
`CHAOS_SECONDS=60` lets the faults rage for longer.
"""
