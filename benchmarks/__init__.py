"""Measures the product beside its limit and its peers, in one run: `python benchmarks/run.py`."""
