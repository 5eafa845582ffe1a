"""Every setting of Kurabe, read from the environment.

A secret `NAME` can also be given as `NAME_FILE`, the path of a file that holds it.
"""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from annotate import logs

BASE_DIR = Path(__file__).resolve().parent.parent


def env_str(name: str, default: str = "") -> str:
    """Read `name`, or the file that `name_FILE` names."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get(name, default)


def env_bool(name: str, *, default: bool) -> bool:
    """Read `name` as True or False, and refuse everything else."""
    text = os.environ.get(name, str(default))
    if text not in ("True", "False"):
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be True or False")
    return text == "True"


def env_list(name: str, default: list[str]) -> list[str]:
    """Read `name` as a list of words between commas."""
    text = os.environ.get(name)
    return default if text is None else [word.strip() for word in text.split(",") if word.strip()]


def env_int(name: str, default: int, *, least: int = 0) -> int:
    """Read `name` as a whole number of at least `least`."""
    text = os.environ.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be a whole number from {least} on")
    return int(text)


def env_choice(name: str, choices: tuple[str, ...], default: str) -> str:
    """Read `name` as one of the words."""
    text = os.environ.get(name, default)
    if text not in choices:
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be one of {', '.join(choices)}")
    return text


def secret_key(home: Path) -> str:
    """Read the secret key, or make one on the first start and keep it under `home`."""
    if key := env_str("SECRET_KEY"):
        return key
    path = home / "secret_key"
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(dir=home)  # for our eyes only, mode 0600
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
        # A link appears with its whole text, and refuses where another process was first.
        with suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
    return path.read_text(encoding="utf-8")


KURABE_HOME = Path(os.environ.get("KURABE_HOME") or BASE_DIR / "var").resolve()
KURABE_HOME.mkdir(parents=True, exist_ok=True)

SECRET_KEY = secret_key(KURABE_HOME)
DEBUG = env_bool("DEBUG", default=False)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "annotate",
    "allauth",
    "allauth.account",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "pgtrigger",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "annotate.middleware.RequestMiddleware",
    # Before all that may answer by itself, so that files carry these headers as pages do.
    "django.middleware.security.SecurityMiddleware",
    "annotate.headers.HeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # It pads every answer by a random length, so that sizes tell nothing of secrets (BREACH).
    "annotate.compression.CompressionMiddleware",
    "annotate.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "annotate.urls"
WSGI_APPLICATION = "annotate.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]


CONNECT_TIMEOUT_S = 5
PREPARED_AFTER = 1  # times that a connection has seen a statement whose values it binds
# So long a plan is kept that was made for tables as they were; ANALYZE ends it earlier.
CONNECTION_AGE_S = 60


def databases(home: Path) -> dict[str, Any]:
    """Use the PostgreSQL that `DATABASE_URL` names; with none, one embedded under `home`."""
    if url := env_str("DATABASE_URL"):
        scheme, separator, _rest = url.partition("://")
        if scheme not in ("postgresql", "postgres") or not separator:
            raise ImproperlyConfigured("DATABASE_URL must begin with postgresql://")
        database = dj_database_url.parse(
            url, conn_max_age=CONNECTION_AGE_S, conn_health_checks=True
        )
        # A server that hangs is away after so many seconds, as is one that is not there.
        options = database.setdefault("OPTIONS", {})
        options.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
        options.setdefault("prepare_threshold", PREPARED_AFTER)
        return {"default": dict(database)}
    return {
        "default": {
            "ENGINE": "annotate.postgres",
            "NAME": "kurabe",
            "USER": "postgres",
            "CONN_MAX_AGE": CONNECTION_AGE_S,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                "pgdata": str(home / "postgres"),
                "connect_timeout": CONNECT_TIMEOUT_S,
                "prepare_threshold": PREPARED_AFTER,
            },
        }
    }


DATABASES = databases(KURABE_HOME)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "annotate.User"
SESSION_ENGINE = "annotate.sessions"
# The second is in sessions of earlier releases.
AUTHENTICATION_BACKENDS = [
    "annotate.sessions.AccountBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

# Volunteers sign in by a code that is sent to their address (django-allauth); of its other ways
# no address of the site leads to any.
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # the code itself shows whose address it is
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = ACCOUNT_LOGIN_TIMEOUT = 15 * 60
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 3
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A classroom behind one address fits in; nobody's mailbox is filled, and no code is guessed.
ACCOUNT_RATE_LIMITS = {
    "request_login_code": "60/10m/ip,3/5m/key,20/d/key",
    "login_failed": "20/m/ip,5/5m/key",
    "start": "120/10m/ip",  # newcomers without an account, who press Start
}

# Attempts are counted where every process of the site sees them.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "annotate_cache",
        # So many that nobody can push their own attempts out by making others.
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}

# With no EMAIL_HOST, mail is printed to the server's log, where a laptop's owner finds the code.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", default=False)
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL", default=False)
EMAIL_TIMEOUT = 10  # seconds: somebody waits for the page
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "kurabe@localhost")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
LOCALE_PATHS = [BASE_DIR / "annotate" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")

STATIC_URL = "static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "annotate.static_files.VersionedFiles"},
}
# Served straight from the source folders, so that no collectstatic stands between setup and start.
WHITENOISE_USE_FINDERS = True
# Only for a web server that is to serve the files by itself, after a collectstatic.
STATIC_ROOT = os.environ.get("STATIC_ROOT")

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
# Over plain http, as on a laptop, a secure cookie would never come back: switch on behind TLS.
HTTPS_ONLY = env_bool("HTTPS_ONLY", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS_ONLY
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = True, "Lax"
SECURE_SSL_REDIRECT = HTTPS_ONLY
# Asked by machines beside the site, over plain http.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
# Speaks for the sites under this one's name too, and lets browsers know it before a first visit.
HSTS_SUBDOMAINS = env_bool("HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY and HSTS_SUBDOMAINS
# `check --deploy` warns where it is off, and only the operator knows what else has such a name.
SILENCED_SYSTEM_CHECKS = [] if HSTS_SUBDOMAINS else ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
# Proxies before the site that add to X-Forwarded-For: attempts are counted by address.
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("TRUSTED_PROXY_COUNT", "1" if HTTPS_ONLY else "0"))

# What a token may ask of the API, and how many that do not hold may come from one address.
API_REQUESTS_PER_MINUTE = int(os.environ.get("API_REQUESTS_PER_MINUTE", "1200"))
API_FAILURES_PER_MINUTE = int(os.environ.get("API_FAILURES_PER_MINUTE", "30"))
# The largest body of rows (prompts, completions, votes) that the API takes at once.
API_MAX_BODY_MIB = int(os.environ.get("API_MAX_BODY_MIB", "64"))

# Answers (votes, skips, what is taken back) that one volunteer may give in a minute, and that may
# come from one address; 0 is any number. Sixty people in one classroom reach neither.
ANSWERS_PER_MINUTE = int(os.environ.get("ANSWERS_PER_MINUTE", "120"))
ANSWERS_PER_MINUTE_FROM_ADDRESS = int(os.environ.get("ANSWERS_PER_MINUTE_FROM_ADDRESS", "3000"))

# How long a comparison stays with the volunteer it was drawn for before another may get it.
LEASE_S = int(os.environ.get("LEASE_S", "1800"))

# A Python for an engine whose libraries are not among the worker's own, by engine: vLLM pins its
# own torch, and may have a virtual environment to itself. An engine that is not named runs in the
# worker's Python.
ENGINE_PYTHON = {
    engine: python
    for engine in ("vllm", "openai", "transformers")
    if (python := os.environ.get(f"KURABE_PYTHON_{engine.upper()}"))
}

# Folders under which models may lie, beside KURABE_HOME; a path that leads elsewhere is refused.
MODEL_ROOTS = env_list("MODEL_ROOTS", [str(BASE_DIR / "models"), "/models"])

# More words in Latin letters that are no leakage in any language, between spaces; a file of them
# can be named by LOAN_TOKENS_FILE. After a change: manage.py measure --again.
LOAN_TOKENS = frozenset(env_str("LOAN_TOKENS").split())

# Pushes datasets to a hub; without one, that is refused.
HF_TOKEN = env_str("HF_TOKEN")

# `make serve`: where it listens, and with how many processes and threads. Each thread keeps a
# connection to the database.
WEB_HOST = os.environ.get("WEB_HOST", "127.0.0.1")
WEB_PORT = env_int("WEB_PORT", 8000, least=1)
WEB_WORKERS = env_int("WEB_WORKERS", len(os.sched_getaffinity(0)), least=1)
WEB_THREADS = env_int("WEB_THREADS", 4, least=1)
WORKER_QUEUES = env_list("WORKER_QUEUES", ["default", "gpu"])
WORKER_CONCURRENCY = env_int("WORKER_CONCURRENCY", 1, least=1)
PROCRASTINATE_ON_APP_READY = "annotate.services.operating.watch_jobs"

# Who reads /metrics: whoever has the token; with none set, this machine itself.
METRICS_TOKEN = env_str("METRICS_TOKEN")
# Seconds that a job of the queue `default` may wait before /readyz says no; 0 is for ever.
READY_MAX_QUEUE_LAG_S = env_int("READY_MAX_QUEUE_LAG_S", 300)

# Lines on standard error: of the site's own programs everything, of a command only warnings.
LOG_FORMAT = env_choice("LOG_FORMAT", ("plain", "json"), "plain")
LOG_LEVEL = env_choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "WARNING")
LOGGING = logs.configuration(form=LOG_FORMAT, level=LOG_LEVEL)
