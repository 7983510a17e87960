"""What the processes of a stack have in common, imported once for all of them (config/nursery.py).

What is imported here opens no connection, starts no thread and names nothing after its process: every
copy would have the same. `tests/config/test_nursery.py` looks.
"""

import gc
import os
from importlib import import_module

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["CELERY_SKIP_CHECKS"] = "true"
django.setup()

_COMMON = (
    "config.urls",
    "config.wsgi",
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.apps.beat",
    "kombu.transport.redis",
    "django.db.backends.postgresql.base",
    "granian.cli",
    "uvicorn.main",
)
for _name in _COMMON:
    import_module(_name)
import_module("config.celery").app.loader.import_default_modules()

gc.collect()
gc.freeze()  # a collection in a copy leaves all this alone, so that it stays shared
