"""Owns webhooks: the addresses outside that are told, and every delivery to them.
Says nothing.
Hears the whole log, by reading on from a cursor of each endpoint's own.
Never calls a private address, and never holds a transaction while it calls."""
