"""Owns the log of everything that happened, and how far each handler got in it.
Says nothing of its own.
Hears nothing.
Never knows what an event means."""
