"""Owns circuit breakers: when somebody outside is called, and when they are left alone.
Says nothing.
Hears nothing.
Never calls anybody itself, and never fails because Redis does: each process then decides by its copy."""
