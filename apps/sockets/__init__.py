"""Owns connected screens: tickets, frames, the fan-out hub; no tables.
Says nothing.
Hears broadcasts, which may be lost: what matters is asked of the store.
Never knows what a frame means, and never waits for a database while it pushes one."""
