"""The doctor's look at e-mail, secrets and HTTPS."""

import smtplib
import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.core.mail import EmailMessage, get_connection

from annotate.logs import without_secrets
from annotate.services.operating.findings import Finding, failure, ok, warning

LEAST_SECRET_CHARS = 50
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", "testserver"}


def examine_mail(*, send_to: str = "") -> Iterator[Finding]:
    """Sign in at the mail server, and send a message where an address is given."""
    if not settings.EMAIL_HOST:
        yield warning(
            "e-mail", "EMAIL_HOST is not set: codes to sign in are printed to the server's log",
            "set EMAIL_HOST and what docs/deploy.md lists with it",
        )  # fmt: skip
        if not send_to:
            return
        yield failure("e-mail message", "nothing was sent", "set EMAIL_HOST first")
        return
    place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection() as mail:
            if send_to:
                message = EmailMessage(
                    "Kurabe: a test", "manage.py doctor has sent this message.", to=[send_to],
                    connection=mail,
                )  # fmt: skip
                message.send()
    except (OSError, smtplib.SMTPException) as error:
        yield failure(
            "e-mail", f"{place}: {without_secrets(' '.join(str(error).split()))}",
            "look at EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS or EMAIL_USE_SSL, EMAIL_HOST_USER and"
            " EMAIL_HOST_PASSWORD",
        )  # fmt: skip
        return
    yield ok("e-mail", f"{place} takes mail from {settings.DEFAULT_FROM_EMAIL}")
    if send_to:
        yield ok("e-mail message", "handed over; look whether it has come, and not among spam")


def examine_settings() -> Iterator[Finding]:
    """Look at the secret key, at who may reach the site, and whether that is by HTTPS."""
    yield _examine_secret_key()
    yield _examine_hosts()
    if settings.DEBUG:
        yield failure("DEBUG", "it is on: errors show settings and data", "take DEBUG away")
    is_public = bool(set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)
    if settings.HTTPS_ONLY:
        yield ok("HTTPS", "cookies are secure, and browsers are told to stay with HTTPS")
    elif is_public:
        yield warning(
            "HTTPS", "HTTPS_ONLY is not set, and the site has a public name",
            "put a TLS proxy before it (docs/deploy.md) and set HTTPS_ONLY=True",
        )  # fmt: skip
    else:
        yield ok("HTTPS", "the site is served to this machine alone")
    if is_public and not settings.METRICS_TOKEN:
        yield warning(
            "METRICS_TOKEN", "it is not set: /metrics is read from this machine alone",
            "set METRICS_TOKEN_FILE if Prometheus runs elsewhere",
        )  # fmt: skip
    if settings.HTTPS_ONLY:
        yield from _examine_deployment()


def _examine_secret_key() -> Finding:
    path = Path(settings.KURABE_HOME) / "secret_key"
    if len(settings.SECRET_KEY) < LEAST_SECRET_CHARS:
        return failure(
            "secret key", f"it has {len(settings.SECRET_KEY)} characters",
            f"make one of at least {LEAST_SECRET_CHARS}: openssl rand -base64 48",
        )  # fmt: skip
    if path.exists() and path.read_text(encoding="utf-8") == settings.SECRET_KEY:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            return failure("secret key", f"others may read {path}", f"chmod 600 {path}")
        return ok("secret key", "in KURABE_HOME; several web servers need the same one")
    return ok("secret key", "from the environment")


def _examine_hosts() -> Finding:
    if "*" in settings.ALLOWED_HOSTS:
        return warning(
            "ALLOWED_HOSTS", "any name is taken for the site's", "name the site's own hosts"
        )
    if not LOCAL_HOSTS & set(settings.ALLOWED_HOSTS):
        return warning(
            "ALLOWED_HOSTS", "this machine cannot ask /healthz by 127.0.0.1",
            "add 127.0.0.1, for a probe beside the site",
        )  # fmt: skip
    return ok("ALLOWED_HOSTS", ", ".join(settings.ALLOWED_HOSTS))


def _examine_deployment() -> Iterator[Finding]:
    """Give what Django's own checks for a deployment find."""
    for found in checks.run_checks(include_deployment_checks=True):
        if found.level >= checks.WARNING:
            make = failure if found.is_serious() else warning
            yield make(f"check {found.id}", found.msg, str(found.hint or "see Django's checks"))
