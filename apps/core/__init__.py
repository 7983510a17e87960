"""Owns the words every app shares: refusals, money, ids, problems.
Says nothing.
Hears nothing.
Never touches a table; a closed list of four modules."""
