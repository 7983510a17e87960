"""The product's Celery app, which also knows the probe: `celery -A benchmarks.worker worker …`.

With `BENCH_BATCH_MAX` in its environment such a worker takes fewer events at a time.
"""

from config.celery import app

app.conf.update(imports=("benchmarks.probe",))
