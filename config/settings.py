"""All settings, in one file, from the environment (`.env.example` lists every variable).

Order: who we are · apps · HTTP · storage · sign-in · API · sockets · tasks · logs · limits.
"""

import hashlib
from pathlib import Path
from typing import Any

import environ

from config import embedded, kept
from config.back_office import UNFOLD as UNFOLD
from config.observability import log_settings

# --- who we are ---------------------------------------------------------------------------------
BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    environ.Env.read_env(BASE_DIR / ".env")

VAR_DIR = embedded.var_dir()
DEBUG = env.bool("DEBUG", default=False)


# From the environment, else one that this installation keeps in `var/`.
SECRET_KEY = env.str("SECRET_KEY", default="") or kept.secret(VAR_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"

# --- apps ---------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py discovers, not every process
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "config",
    "apps.core",
    "apps.tenants",
    "apps.resilience",
    "apps.events",
    "apps.sockets",
    "apps.webhooks",
    "apps.calendars",
    "apps.trading",
    "apps.ledger",
    "apps.settlement",
    "apps.reports",
    "apps.nlu",
    "apps.agents",
    "apps.conversations",
    "apps.web",
]

# --- HTTP ---------------------------------------------------------------------------------------
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.observability.RequestLogMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = True  # a fresh clone serves its pages without a collectstatic run
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
HTTPS = env.bool("HTTPS", default=False)  # behind a TLS proxy that sets X-Forwarded-Proto
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024  # bytes; a bulk call of 1,000 trades is about 400 kB

# --- storage ------------------------------------------------------------------------------------
_embedded = embedded.known_urls(VAR_DIR)
# Without a URL and without running services every connection is refused on port 1, at once; the
# commands that need a database then say how to start one.
_database_url = (
    env.str("DATABASE_URL", default="")
    or (_embedded and _embedded.database_url)
    or "postgres://lockstep@127.0.0.1:1/lockstep"
)
REDIS_URL: str = (
    env.str("REDIS_URL", default="")
    or (_embedded and _embedded.redis_url)
    or "redis://127.0.0.1:1/0"
)
DATABASES: dict[str, Any] = {"default": environ.Env.db_url_config(_database_url)}
DATABASES["default"].update(
    ENGINE="django.db.backends.postgresql",
    CONN_MAX_AGE=600,  # seconds
    CONN_HEALTH_CHECKS=True,  # a PostgreSQL restart costs one reconnect, not an error
    ATOMIC_REQUESTS=False,
)
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "connect_timeout": 5,  # seconds
    # PGAPPNAME, libpq's own, says more: a supervisor names each process in it.
    "fallback_application_name": env.str("LOCKSTEP_PROCESS", default="lockstep"),
    # Prepared statements pay on hot paths; unset behind a pooler in transaction mode.
    "prepare_threshold": env.int("DATABASE_PREPARE_THRESHOLD", default=5),
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}
# Files that customers send. Never served by their path: `apps/conversations/api/attachments.py`.
MEDIA_ROOT = VAR_DIR / "media"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- sign-in ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
CSRF_FAILURE_VIEW = "apps.web.views.errors.forbidden"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator",
                 "CommonPasswordValidator", "NumericPasswordValidator")
]  # fmt: skip

# --- API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.tenants.authentication.ApiKeyAuthentication",
        "apps.tenants.authentication.TenantSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.tenants.permissions.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.problems.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.problems.StrictJsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.core.problems.Negotiation",
    "EXCEPTION_HANDLER": "apps.core.problems.handle_exception",
    "DEFAULT_SCHEMA_CLASS": "apps.web.schema.Schema",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lockstep",
    "DESCRIPTION": "Everything that happens to one entity, in order, exactly once in effect.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",  # what follows it groups the calls: accounts, trades, …
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "persistAuthorization": True,
        "displayRequestDuration": True,
        "defaultModelsExpandDepth": -1,  # each call shows its own schemas
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {  # where several share a field's name
        "TradeSide": ["buy", "sell"],
        "LegSide": ["debit", "credit"],
        "AgentStatus": "apps.agents.models.Status",
        "BreakState": ["open", "assigned", "explained", "closed"],
        "BreakerPhase": ["closed", "open", "half_open"],
        "EndpointState": "apps.webhooks.models.Endpoint.State",
        "MessageKind": "apps.conversations.models.MessageKind",
        "MessageSender": ["customer", "agent", "bot", "system"],
        "NoticeKind": [
            "settled",
            "partial",
            "pending",
            "failing",
            "rejected",
            "cancelled",
        ],
        "NoticeState": "apps.settlement.models.NoticeState",
        "ReceiptSender": ["customer", "agent"],
        "ReportScheduleState": "apps.reports.models.ScheduleState",
        "ReconciliationStatus": ["clean", "breaks", "not_run"],
        "SettlementKind": ["settlement", "return"],
        "StatementKind": "apps.ledger.models.ExternalStatement.Kind",
        "WidgetSide": "apps.conversations.models.WidgetSide",
    },
}

# --- sockets ------------------------------------------------------------------------------------
SOCKETS_URL = env.str("LOCKSTEP_SOCKETS_URL", default="ws://127.0.0.1:8001")
WEB_THREADS = env.int("WEB_THREADS", default=4)  # one works, the others wait for news
SOCKETS_PER_TENANT = env.int("SOCKETS_PER_TENANT", default=10_000)  # in all processes
SOCKETS_PER_PERSON = env.int("SOCKETS_PER_PERSON", default=100)  # a process; browser tabs
WIDGET_SESSIONS = env.int("WIDGET_SESSIONS", default=60)  # a minute, of a widget and an address
FLOWER_URL = env.str("LOCKSTEP_FLOWER_URL", default="http://127.0.0.1:8002")

# --- tasks (the rest of Celery's settings: config/celery.py) ------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or REDIS_URL
# Celery's Django fix-up closes the connection at every task unless told not to; celery.py closes
# the unusable ones itself (docs/decisions/0004).
CELERY_DB_REUSE_MAX = 10**9

# --- clearing -----------------------------------------------------------------------------------
CLEARING_URL = env.str("CLEARING_URL", default="http://127.0.0.1:8003")
CLEARING_BY_FILES: list[str] = env.list("CLEARING_BY_FILES", default=[])
CLEARING_FOLDER = env.str("CLEARING_FOLDER", default="") or str(VAR_DIR / "clearing")
# Each tenant's secret at each clearing system is derived from this one.
CLEARING_SECRET = env.str("CLEARING_SECRET", default="") or kept.secret(VAR_DIR / "clearing_secret")

# Who may trade, and how much, where a system of its own decides about it; none: we do.
ACCOUNT_SYSTEM_URL = env.str("ACCOUNT_SYSTEM_URL", default="")
# Each tenant's secret is derived from this one, as for clearing.
ACCOUNT_SYSTEM_SECRET = env.str("ACCOUNT_SYSTEM_SECRET", default="") or kept.secret(
    VAR_DIR / "account_system_secret"
)

# Tests and trials call webhooks on this machine; in production a tenant must not reach our network.
WEBHOOKS_PRIVATE = env.bool("LOCKSTEP_WEBHOOKS_PRIVATE", default=False)

# --- archives -----------------------------------------------------------------------------------
LEDGER_ARCHIVE_FOLDER = env.str("LEDGER_ARCHIVE_FOLDER", default="") or str(
    VAR_DIR / "archive" / "ledger"
)

# --- logs ---------------------------------------------------------------------------------------
LOGGING = log_settings(
    env.str("LOG_LEVEL", default="INFO"), json=env.bool("LOG_JSON", default=False)
)

# --- limits -------------------------------------------------------------------------------------
# Who is told of a reconciliation that is not clean; sent through EMAIL_URL.
RECONCILIATION_MAIL_TO: list[str] = env.list("RECONCILIATION_MAIL_TO", default=[])
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="lockstep@localhost")
_mail = env.str("EMAIL_URL", default="smtp://localhost:25")
vars().update(environ.Env.email_url_config(_mail))
BULK_TRADES_MAX = 1_000  # items in one call
NLU_STUBS_URL = env.str("NLU_STUBS_URL", default="http://127.0.0.1:8004")
NLU_RECORD_EVERY: float | None = 1.0  # seconds between writes of NLU figures; None: by hand
# Environments that share one Redis must not share keys or channels.
REDIS_PREFIX = env.str("REDIS_PREFIX", default="ls") + ":" + hashlib.blake2s(
    DATABASES["default"]["NAME"].encode(), digest_size=3
).hexdigest()  # fmt: skip
