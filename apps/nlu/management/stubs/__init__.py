"""Stand-ins for the providers: they speak the real wire, fail as the real ones do, and count.

`manage.py nlu_stubs` runs them as a process of their own, for tests, benchmarks and the demo.
"""
