"""Questions about settlements."""
