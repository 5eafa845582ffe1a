"""What every answer of the site carries, and what no answer may have."""

import re

from django.http import HttpResponseBase

from annotate.headers import HEADERS

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": HEADERS["Permissions-Policy"],
}
# What a browser fetches by itself; an address that somebody may follow is not among them.
_FETCHED = re.compile(
    rb"""<(?:script|img|link|iframe|object|embed|source|video|audio|form)\b[^>]*?
    \b(?:src|href|data|action)\s*=\s*["']?(?:https?:)?//""",
    re.IGNORECASE | re.VERBOSE,
)
_SCRIPT = re.compile(
    rb"<script(?![^>]*\bsrc=)(?![^>]*type=.application/json)[^>]*>|\son[a-z]+\s*=\s*[\"']"
    rb"|\shx-on|[\"']\s*javascript:",
    re.IGNORECASE,
)
_STYLE = re.compile(rb"<style\b|\sstyle\s*=\s*[\"']", re.IGNORECASE)
# What a browser may show by itself beside pages: answers to programs and scripts.
_SHOWN = (
    "application/json", "application/problem+json", "text/javascript", "text/markdown",
    "text/plain",
)  # fmt: skip


def list_faults(answer: HttpResponseBase, address: str) -> list[str]:
    """List what is wrong with an answer's headers, and with its markup where it is a page."""
    faults = [
        f"{name} is {answer.get(name)!r}, not {value!r}"
        for name, value in EVERYWHERE.items()
        if answer.get(name) != value
    ]
    faults += _list_faults_of_policy(answer.get("Content-Security-Policy", ""))
    kind = answer.get("Content-Type", "")
    if answer.get("Content-Disposition", "").startswith("attachment"):
        return faults  # a file, which no browser shows as a page of ours
    if kind.startswith("text/html") and not answer.streaming:
        body: bytes = answer.content  # type: ignore[attr-defined]
        # Third parties' lists in Django's admin have styles, which the policy leaves out.
        searched = [_FETCHED, _SCRIPT] + [_STYLE] * (not address.startswith("/admin/"))
        found = [match[0][:200] for each in searched for match in each.finditer(body)]
        faults += [f"it has {markup!r}" for markup in found]
    elif answer.status_code == 200 and not kind.startswith(_SHOWN):
        faults.append(f"a {kind} is no attachment")
    return faults


def _list_faults_of_policy(policy: str) -> list[str]:
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    faults = [f"the policy allows {word}" for word in ("unsafe", "http:", "https:", "*", "blob:")
              if word in policy]  # fmt: skip
    wanted = {"default-src": "'self'", "frame-ancestors": "'none'", "object-src": "'none'",
              "base-uri": "'none'", "form-action": "'self'"}  # fmt: skip
    return faults + [
        f"the policy has {name} {parts.get(name)!r}, not {value!r}"
        for name, value in wanted.items()
        if parts.get(name) != value
    ]
