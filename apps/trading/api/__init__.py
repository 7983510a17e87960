"""Trading over HTTP."""
