"""Language understanding over HTTP."""
