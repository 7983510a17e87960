"""Clearing systems: what we say to them, and how each of them is reached."""
