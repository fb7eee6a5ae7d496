"""Every setting of the site, read from the environment once.

A missing variable stops the start with a sentence that says how to mend it.
`script/server`, `script/manage` and `script/test` set all of them for a private
installation; `docker-compose.yml` shows them for existing servers.
"""

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def required(name: str, fix: str) -> str:
    """Return environment variable `name`, or stop with the sentence `fix`.

    Raises ImproperlyConfigured when the variable is unset or empty.
    """
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {fix}")
    return value


def flag(name: str) -> bool:
    """Return True when environment variable `name` is 1, true, yes or on."""
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def code_version() -> str:
    """Return a short hash of the code that shapes replies, which caches are keyed by."""
    digest = hashlib.sha256()
    for folder in ("areas", "indicators", "templates"):
        for file in sorted((BASE_DIR / folder).rglob("*.*")):
            if file.suffix in {".py", ".html", ".toml"}:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


CODE_VERSION = code_version()
DEBUG = flag("LEVELUP_DEBUG")
SECRET_KEY = required(
    "LEVELUP_SECRET_KEY",
    "Start through script/server or script/manage, which keep one for you, "
    "or set it to 50 or more random characters.",
)
ALLOWED_HOSTS = os.environ.get("LEVELUP_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("LEVELUP_ORIGINS", "").split(",") if o]

# Whom readers may write to, on the pages about accessibility and privacy; optional.
CONTACT_EMAIL = os.environ.get("LEVELUP_CONTACT_EMAIL", "")

# Where uploads, tiles and the private servers live.
LEVELUP_HOME = Path(os.environ.get("LEVELUP_HOME", BASE_DIR / "var"))
TILE_DIR = LEVELUP_HOME / "tiles"
MEDIA_ROOT = LEVELUP_HOME / "media"
# The largest file that the admin takes by upload; larger ones go through the commands.
GEOGRAPHY_UPLOAD_BYTES = int(os.environ.get("LEVELUP_UPLOAD_MB", "400")) * 1_000_000

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.gis",
    "django.contrib.humanize",
    "leaflet",
    "rest_framework",
    "csp",
    "areas",
    "indicators",
    "levelup_site",  # For its commands: backup and restore.
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "levelup_site.middleware.request_log",
    "levelup_site.middleware.Compression",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "levelup_site.middleware.no_nul",
    "levelup_site.middleware.in_archive",
    "levelup_site.middleware.OneMoment",
]

ROOT_URLCONF = "levelup_site.urls"
WSGI_APPLICATION = "levelup_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"environment": "levelup_site.templates.environment"},
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        required(
            "DATABASE_URL",
            "Start through script/server or script/manage, which run a private PostGIS, "
            "or point it at one: postgis://user:password@host:5432/name.",
        ),
        engine="django.contrib.gis.db.backends.postgis",
    )
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 8}

REDIS_URL = required(
    "REDIS_URL",
    "Start through script/server or script/manage, which run a private Redis, "
    "or point it at one: redis://host:6379/0 or unix:///path/redis.sock?db=0.",
)


def celery_broker(redis_url: str) -> str:
    """Return the address Celery wants for the Redis that Django's cache calls `redis_url`.

    Django says `unix:///path?db=0` where Celery says `redis+socket:///path?virtual_host=0`.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    db = dict(p.split("=", 1) for p in parts.query.split("&") if "=" in p).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={db}"


CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "levelup",
    }
}
CELERY_BROKER_URL = celery_broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
# A message says only that there is something to do: what, and how far it has come, is in Postgres,
# and beat looks there each minute. So a message is done with once a process has it, and Redis is
# not told. Told late, what is in hand is put back whenever the connection is lost, and begun a
# second time beside the first; and so it is after an hour (kombu's visibility timeout).
CELERY_TASK_ACKS_LATE = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"ack_emulation": False}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Redis may be away for as long as it likes: by default a worker ends once it has tried to connect a
# hundred times, and all that is in its hands with it.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BEAT_SCHEDULE = {
    "geography": {"task": "areas.tasks.take_up_waiting", "schedule": 60.0},
    "releases": {"task": "indicators.tasks.take_up_waiting", "schedule": 60.0},
    "housekeeping": {"task": "indicators.tasks.housekeep", "schedule": 6 * 3600.0},
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = LEVELUP_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Optional base map beneath our outlines, off by default so that no visitor's address
# is sent to another server: {"url": "https://…/{z}/{x}/{y}.png", "attribution": "…"}.
BASEMAP_URL = os.environ.get("LEVELUP_BASEMAP_URL", "")
BASEMAP_ATTRIBUTION = os.environ.get("LEVELUP_BASEMAP_ATTRIBUTION", "")

basemap_host = [f"https://{urlsplit(BASEMAP_URL).netloc}"] if BASEMAP_URL else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *basemap_host],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [SELF],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "SAMEORIGIN"
CSRF_FAILURE_VIEW = "indicators.views.groups.stale_form"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Behind HTTPS, LEVELUP_HTTPS=1 turns on secure cookies, the redirect and HSTS together.
if flag("LEVELUP_HTTPS"):
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# The API (/api/v1/) is read by anyone, without cookies; nothing else uses DRF.
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    # Requests from one address; empty for no limit.
    "DEFAULT_THROTTLE_RATES": {"api": os.environ.get("LEVELUP_API_RATE", "1200/min") or None},
    # Proxies in front that add to X-Forwarded-For; with 0 what a reader sends is not believed.
    # Behind HTTPS there is a proxy, and the reader is whom it names.
    "NUM_PROXIES": int(
        os.environ.get("LEVELUP_PROXIES") or ("1" if flag("LEVELUP_HTTPS") else "0")
    ),
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
# After how many days the rows of a release that is no longer live are archived; 0 is never.
LEVELUP_KEEP_DAYS = int(os.environ.get("LEVELUP_KEEP_DAYS") or "0")
# The most rows of figures in one file of the API.
LEVELUP_API_MOST_ROWS = int(os.environ.get("LEVELUP_API_MOST_ROWS", "5000000"))
SPECTACULAR_SETTINGS = {
    "TITLE": "Levelup",
    "DESCRIPTION": (
        "Figures about places in the United Kingdom, from the whole country to a neighbourhood, "
        "each with its release and licence. Everything here is read only, needs no key, and may "
        "be read from any site."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["indicators.api.schema.without_suffixes"],
    "POSTPROCESSING_HOOKS": ["indicators.api.schema.complete"],
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
}

LOG_LEVEL = os.environ.get("LEVELUP_LOG_LEVEL", "INFO")
shared_log_steps: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*shared_log_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": shared_log_steps,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}
