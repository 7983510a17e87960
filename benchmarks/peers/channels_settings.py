"""Django for the Channels peer: its database, its layer, nothing else."""

import os

import environ

SECRET_KEY = "benchmark"
INSTALLED_APPS = ["channels", "benchmarks.peers"]
DATABASES = {"default": environ.Env.db_url_config(os.environ["BENCH_PEERS_URL"])}
DATABASES["default"].update(
    ENGINE="django.db.backends.postgresql", CONN_MAX_AGE=600, OPTIONS={"prepare_threshold": 5}
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # Without the time-out this layer loses idle sockets with redis-py 8; the capacity is as
        # documented for busy sites, since with the default most of the load would be dropped.
        "CONFIG": {
            "hosts": [{"address": os.environ["BENCH_REDIS_URL"], "socket_timeout": None}],
            "capacity": 5_000,
        },
    }
}
