"""A page of forms about a run: each is sent by itself, and calls a service of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseRedirect

from annotate.models import RunEvent, SelectionRun
from annotate.permissions import SignedInRequest
from annotate.services import errors

Sent = Mapping[str, forms.Form]


@dataclass(frozen=True)
class Part:
    """A form of the page, the service it calls, and what the page says then, in which section."""

    form: Callable[..., forms.Form]
    act: Callable[..., Any]
    notice: Any
    section: str


def take_part(
    request: SignedInRequest,
    run: SelectionRun,
    parts: Mapping[str, Part],
    show: Callable[..., HttpResponse],
) -> HttpResponse:
    """Show the page, or take the form that was sent and show the page again.

    Args:
        show: answers with the page, given request, run, the form that was refused by its name, and
            the status.
    """
    if request.method == "GET":
        return show(request, run, {})
    name = request.POST.get("part", "")
    if name not in parts:
        raise BadRequest(f"no part of the page is called {name!r}")
    part = parts[name]
    form = part.form(request.POST, run=run, auto_id=f"{name}-%s")
    if form.is_valid():
        try:
            part.act(run=run, by=request.user, **form.cleaned_data)
        except errors.RulesRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        except (errors.GoldRefused, errors.RoundClosed) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, part.notice, extra_tags=part.section)
            return HttpResponseRedirect(f"{request.path}#{part.section}", status=303)
    return show(request, run, {name: form}, status=400)


def list_forms(parts: Mapping[str, Part], run: SelectionRun, sent: Sent) -> dict[str, forms.Form]:
    """Give every form of a page, those that were sent with what is wrong in them."""
    return {
        name: sent[name] if name in sent else part.form(run=run, auto_id=f"{name}-%s")
        for name, part in parts.items()
    }


def find_last_change(run: SelectionRun, page: str) -> RunEvent | None:
    """Give who changed the run's rules last, and when; None where nobody has.

    Args:
        page: "rating" or "decision", as `changes.log_change` calls them.
    """
    changes = run.events.filter(kind=RunEvent.Kind.RULES, detail__page=page, by__isnull=False)
    return changes.select_related("by").order_by("-id").first()
