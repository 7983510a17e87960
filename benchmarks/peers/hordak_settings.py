"""django-hordak in a project of its own, beside ours in the same PostgreSQL."""

import os

import environ

SECRET_KEY = "only in memory"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "mptt", "djmoney", "hordak"]
DATABASES = {"default": environ.Env.db_url_config(os.environ["BENCH_HORDAK_URL"])}
DATABASES["default"]["CONN_MAX_AGE"] = None
HORDAK_INTERNAL_CURRENCY = DEFAULT_CURRENCY = "USD"
HORDAK_MAX_DIGITS = 20
