"""Log lines: plain for a terminal, one JSON object each for a collector, and never a secret.

Loaded by the settings, and by the web server's own process, which has no Django.
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

# Which request or job a line belongs to; "" is none.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
JOB_ID: ContextVar[str] = ContextVar("job_id", default="")

# What a line may carry beside its message, where whoever wrote it gave it.
FIELDS = ("method", "view", "path", "status", "ms", "action")

# What may stand in a message or a traceback and is nobody's to read, with what stands in its place.
_SECRETS = [
    (re.compile(r"(\w+://)[^\s/@]+@"), r"\1…@"),  # user and password of a database or proxy
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "…@…"),
    (re.compile(r"(?<=/invitation/)[^/?\s'\"]+"), "…"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I), "…"),  # of comparisons
    (re.compile(r"\?[^\s'\"<>()\[\]]*=[^\s'\"<>]*"), "?…"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 …"),
    (re.compile(r"\bkurabe_[\w-]{8,}"), "…"),
    (re.compile(r"\bhf_[A-Za-z0-9]{8,}"), "…"),
    (re.compile(r"(?i)\b(password|passwd|secret|token|api_?key|cookie|sessionid|csrftoken)"
                r"(['\"]?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s,;&]+)"), r"\1\2…"),
    # PostgreSQL quotes the row that it refuses, and with it somebody's words.
    (re.compile(r"(Failing row contains) \(.*", re.S), r"\1 (…)."),
    (re.compile(r"(Key \([^)]*\)=)\(.*?\)(?= )", re.S), r"\1(…)"),
    (re.compile(r"(CONTEXT: .*?(?:column \w+|line \d+)): .*"), r"\1: …"),
    (re.compile(r"(invalid input syntax for type [\w ]+): .*"), r"\1: …"),
]  # fmt: skip
# Most lines have none of what those look for, and are done with one search.
_SUSPECT = re.compile(r"[@?=:]|-[0-9a-fA-F]{4}-|/invitation/|kurabe_|hf_|Failing|earer|asic")


def without_secrets(text: str) -> str:
    """Put a … in the place of passwords, tokens, addresses, query strings and rows' contents."""
    if not _SUSPECT.search(text):
        return text
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class PlainLines(logging.Formatter):
    """`12:34:56 INFO annotate.requests: GET 200 rate 8 ms [request 5f0c…]`, with a traceback."""

    def __init__(self) -> None:
        super().__init__("{message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a person reads it."""
        at = datetime.fromtimestamp(record.created).astimezone()
        said = without_secrets(super().format(record))
        whole = f"{at:%H:%M:%S} {record.levelname} {record.name}: {said}"
        line, _newline, rest = whole.partition("\n")
        named = (("request", REQUEST_ID.get()), ("job", _job(record)))
        place = ", ".join(f"{kind} {name}" for kind, name in named if name)
        line = f"{line} [{place}]" if place else line
        return f"{line}\n{rest}" if rest else line


class JsonLines(logging.Formatter):
    """One JSON object a line; `exception` holds a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a collector reads it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            "process": record.process,
        }
        if request := REQUEST_ID.get():
            line["request_id"] = request
        if job := _job(record):
            line["job_id"] = job
        for name in FIELDS:
            if (said := getattr(record, name, None)) is not None:
                line[name] = without_secrets(said) if isinstance(said, str) else said
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class WithTraceback(logging.Filter):
    """Of what Django says of an answer, lets through what adds to the request's own line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record holds a traceback."""
        return record.exc_info is not None


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at that moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Give standard error."""
        return sys.stderr


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """Give what `logging.config.dictConfig` is told.

    Args:
        form: "plain" or "json".
        level: of what the site itself and its queue say; of others only warnings are written.
    """
    kinds = {"plain": PlainLines, "json": JsonLines}
    own = {"level": level}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": kinds[form]}},
        "filters": {"with traceback": {"()": WithTraceback}},
        "handlers": {"stderr": {"()": StandardError, "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "annotate": own,
            "procrastinate": own,
            # Five lines a minute, of which each job says the same again.
            "procrastinate.periodic": {"level": "WARNING"},
            "procrastinate.blueprints": {"level": "WARNING"},
            "django": {"handlers": [], "level": "WARNING"},
            "django.request": {"filters": ["with traceback"]},
        },
    }


def _job(record: logging.LogRecord) -> str:
    """Give the job that a line is about: the one that runs, or those that were just queued."""
    if running := JOB_ID.get():
        return running
    job = getattr(record, "job", None)
    jobs = [job] if isinstance(job, dict) else getattr(record, "jobs", [])
    return " ".join(str(each["id"]) for each in jobs if each.get("id"))
