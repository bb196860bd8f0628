"""Settings, read from the environment once. `.env.example` describes every variable.

Without DATABASE_URL or REDIS_URL the embedded servers under `var/` are used; their secrets are random
per installation and live beside them. Production (`MIDDLEOFFICE_ENV=production`) has no defaults for secrets.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import django_stubs_ext
import environ

from middleoffice import embedded, env

django_stubs_ext.monkeypatch()  # makes generic Django classes subscriptable at run time

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = embedded.var_dir()

PRODUCTION = os.environ.get("MIDDLEOFFICE_ENV", "development") == "production"
_env = env.Environment(production=PRODUCTION)

ENVIRONMENT = _env.read("MIDDLEOFFICE_ENV", str, default="development", purpose="development or production")
if ENVIRONMENT not in {"development", "production"}:
    _env.faults.append(f"MIDDLEOFFICE_ENV={ENVIRONMENT!r} is neither development nor production")


def _installation_secrets() -> dict[str, str]:
    """Return this installation's random development secrets, made on first use and kept in var/."""
    path = VAR_DIR / "secrets.json"
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        made = {"secret_key": secrets.token_urlsafe(50), "token_pepper": secrets.token_urlsafe(50)}
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made))
        try:
            os.link(draft, path)  # the first process wins; the others read what it wrote
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found: dict[str, str] = json.loads(path.read_text())
    return found


_secrets = {"secret_key": "x" * 50, "token_pepper": "x" * 50} if PRODUCTION else _installation_secrets()
SECRET_KEY = _env.read(
    "SECRET_KEY",
    env.secret,
    default=_secrets["secret_key"],
    required_in_production=True,
    purpose="signs sessions; 50 random characters",
)
TOKEN_PEPPER = _env.read(
    "TOKEN_PEPPER",
    env.secret,
    default=_secrets["token_pepper"],
    required_in_production=True,
    purpose="keys the hashes of API tokens; 50 random characters",
)
AUDIT_SIGNING_KEY = _env.read(
    "AUDIT_SIGNING_KEY",
    env.signing_key,
    # Of this installation alone, like the secret it is derived from.
    default=hashlib.sha256(f"audit signing key {TOKEN_PEPPER}".encode()).digest(),
    required_in_production=True,
    purpose="signs attestations of the log; 32 random bytes in base64",
)
DEBUG = _env.read("DEBUG", env.boolean, default=False, purpose="Django's debug pages")
ALLOWED_HOSTS = _env.read(
    "ALLOWED_HOSTS",
    env.words,
    default=["localhost", "127.0.0.1", "[::1]"],
    required_in_production=True,
    purpose="host names the product answers to, comma-separated",
)
CSRF_TRUSTED_ORIGINS: list[str] = _env.read(
    "CSRF_TRUSTED_ORIGINS", env.words, default=[], purpose="origins of forms behind a proxy"
)
_database_url = _env.read(
    "DATABASE_URL",
    env.url("postgres", "postgresql"),
    default=embedded.database_url(VAR_DIR),
    required_in_production=True,
    purpose="the PostgreSQL server, postgres://user:password@host:port/name",
)
REDIS_URL = _env.read(
    "REDIS_URL",
    env.url("redis", "rediss", "unix"),
    default=embedded.redis_url(VAR_DIR),
    required_in_production=True,
    purpose="the Redis server, redis://host:port/0",
)
BASE_CURRENCY = _env.read(
    "BASE_CURRENCY", str, default="EUR", purpose="ISO 4217 code in which limits are measured"
)
BUSINESS_TIME_ZONE = _env.read(
    "BUSINESS_TIME_ZONE", str, default="Europe/London", purpose="zone that dates the business day"
)
HTTPS = _env.read("HTTPS", env.boolean, default=PRODUCTION, purpose="cookies and redirects assume https")
TRUSTED_PROXIES: list[IPv4Network | IPv6Network] = _env.read(
    "TRUSTED_PROXIES",
    env.networks,
    default=[],
    purpose="addresses or networks of the proxies in front, comma-separated",
)
SQL_TIMEOUT_MS = _env.read(
    "SQL_TIMEOUT_MS", env.positive, default=120_000, purpose="longest statement, milliseconds"
)
WEBHOOK_PRIVATE_ADDRESSES = _env.read(
    "WEBHOOK_PRIVATE_ADDRESSES",
    env.boolean,
    default=False,
    purpose="whether webhooks may go to private addresses and without TLS",
)
WEBHOOK_SENDERS = _env.read(
    "WEBHOOK_SENDERS",
    env.positive,
    default=8,
    purpose="webhooks sent to at the same time, each by a thread of one worker process",
)
SESSION_IDLE_MINUTES = _env.read(
    "SESSION_IDLE_MINUTES",
    env.positive,
    default=60 if PRODUCTION else 720,
    purpose="minutes after which a session that nobody uses ends",
)
SESSION_HOURS = _env.read(
    "SESSION_HOURS", env.positive, default=12, purpose="hours after which every session ends"
)
EMAIL_URL = _env.read(
    "EMAIL_URL",
    env.url("smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail"),
    default="consolemail://",
    purpose="the mail server, smtp+tls://user:password@host:587; consolemail:// only logs to whom mails would go",
)
MAIL_FROM = _env.read(
    "MAIL_FROM", str, default="middleoffice@localhost", purpose="the address that mails come from"
)
PUBLIC_URL = _env.read(
    "PUBLIC_URL", str, default="", purpose="how counterparties reach this product, https://host"
)
MFA_ROLES = _env.read(
    "MFA_ROLES",
    env.words_or_none,
    default=["supervisor", "risk", "administrator"] if PRODUCTION else [],
    purpose="roles whose people must have a second factor, comma-separated, or none",
)
EMBEDDED = not os.environ.get("DATABASE_URL")
DEMO_DATA = _env.read(
    "DEMO_DATA",
    env.boolean,
    default=EMBEDDED and not PRODUCTION,
    purpose="whether an administrator may load demo data, with people and API clients of its own",
)
LOG_LEVEL = _env.read("LOG_LEVEL", str, default="INFO", purpose="Python log level")
_env.verify()

vars().update(environ.Env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM

INSTALLED_APPS = [
    "middleoffice",  # first: its commands take the place of others of the same name
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "axes",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "core",
    "refdata",
    "trades",
    "risk",
    "settlement",
    "ledger",
    "feed",
    "ops",
]

MIDDLEWARE = [
    "core.http.address.ForwardedSchemeMiddleware",
    "core.http.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "core.http.middleware.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "ops.language.LanguageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "core.sessions.SessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "ops.as_of.AsOfMiddleware",
    "ops.visibility.VisibilityMiddleware",
    "ops.second_factor.SecondFactorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "middleoffice.urls"
WSGI_APPLICATION = "middleoffice.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["django.templatetags.i18n"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {
    "default": {
        **environ.Env.db_url_config(_database_url),
        "ENGINE": "core.postgresql",
        # Opening a connection costs ten times a single-row commit; the web server bounds its threads instead.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            # Statements here are short and many: compiling or spreading one costs more than it saves.
            "options": f"-c statement_timeout={SQL_TIMEOUT_MS} -c idle_in_transaction_session_timeout=60000"
            " -c jit=off -c max_parallel_workers_per_gather=0 -c work_mem=16MB",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AXES_HANDLER = "core.lockout.Attempts"
AXES_FAILURE_LIMIT = 10
# Of one address, whatever names it tries: a whole office may stand behind one.
LOG_IN_FAILURES_OF_AN_ADDRESS = 100
AXES_COOLOFF_TIME = 0.25
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_PARAMETERS = "core.lockout.what_locks"
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "core.http.address.client_address"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "today"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "core.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # the session ends by its own time, not with the window
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
# What is tried is counted in the database, for all processes (core/lockout.py); a cache of each would forget it.
ACCOUNT_RATE_LIMITS = False
MFA_ADAPTER = "core.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Middleoffice"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    "authenticate": "core.second_factor.LogInCodeForm",
    "reauthenticate": "core.second_factor.ConfirmCodeForm",
    "activate_totp": "core.second_factor.SetUpForm",
}

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
# Numbers and dates that people read are written by the console's own filters, and by nothing else.
FORMAT_MODULE_PATH = ["middleoffice.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static" if PRODUCTION else VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# The grid of Explore comes with the package that makes it, which need not be loaded for that.
_perspective = find_spec("perspective")
STATICFILES_DIRS = [
    ("perspective", Path(str(_perspective and _perspective.origin)).with_name("widget") / "static")
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "middleoffice.storage.ManifestStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["core.http.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.http.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "core.http.failures.answer_failed",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Middleoffice API",
    "DESCRIPTION": "Capture trades and orders, follow them, pull and acknowledge settlement batches.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SORT_OPERATIONS": True,
    "SWAGGER_UI_DIST": "SIDECAR",  # assets come from a package: no page here loads from another host
    "SWAGGER_UI_FAVICON_HREF": "",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "trades.api.schema.add_message_schemas",
        "core.http.schema.tell_of_desks",
    ],
}

CELERY_BROKER_URL = embedded.broker_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "retry_on_timeout": True,
    "queue_order_strategy": "middleoffice.queues:ShortFirst",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

DATA_UPLOAD_MAX_MEMORY_SIZE = (
    64 * 1024 * 1024
)  # a bulk POST of 10,000 trades; singles are bounded far lower in their view
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

_HOST_ONLY = ["'self'"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": _HOST_ONLY,
        "script-src": _HOST_ONLY,
        "style-src": _HOST_ONLY,
        "img-src": ["'self'", "data:"],
        "font-src": _HOST_ONLY,
        "connect-src": _HOST_ONLY,
        "form-action": _HOST_ONLY,
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
# Only what a proxy in TRUSTED_PROXIES wrote is left of this header.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = SESSION_HOURS * 3600
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "filters": {"without_secrets": {"()": "core.http.log_filters.WithoutSecrets"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["without_secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {"django.request": {"level": "ERROR"}, "axes": {"level": "WARNING"}},
}
