"""A run's log: what was done to it, when, and by whom."""

from collections.abc import Mapping
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from annotate.models import RunEvent, SelectionRun, TrainingRun
from annotate.models.people import Role
from annotate.permissions import SignedInRequest, role_required

PAGE = 100
# What the details of events are called, in the order in which they are read; a detail without a
# name here comes after them by its own.
NAMES: dict[str, Promise | str] = {
    "round": _("round"),
    "number": _("number"),
    "chosen": _("the chosen"),
    "verdict": _("finding"),
    "state": _("state"),
    "from": _("from"),
    "to": _("to"),
    "reason": _("reason"),
    "rule": _("rule"),
    "page": _("page"),
    "fields": _("rules"),
    "changed": _("changed"),
    "candidate": _("candidate"),
    "candidates": _("candidates"),
    "judge": _("judge"),
    "added": _("judge that came"),
    "removed": _("judge that went"),
    "comparisons": _("more comparisons"),
    "scores": _("scores of each reply"),
    "kept": _("stay"),
    "left": _("who left"),
    "error": _("chance that the best one left"),
    "training": _("training"),
    "dataset": _("dataset"),
    "wish": _("wish"),
    "gate": _("win over the parent"),
    "parent": _("parent"),
    "e_value": _("evidence"),
    "shard": _("part"),
    "of": _("of so many"),
    "failure": _("error"),
    "votes": _("votes"),
    "votes_wanted": _("votes wanted"),
    "prompt_sets": _("prompt sets"),
    "prompts": _("prompts"),
    "held_out": _("of them held out"),
    "sha256": "SHA-256",
    "prompts_sha256": _("SHA-256 of the prompts"),
    "candidates_sha256": _("SHA-256 of the candidates"),
}
STATES_IN = ("from", "to", "state")
_STATES = {**dict(TrainingRun.State.choices), **dict(SelectionRun.State.choices)}
# What codes mean, by the detail that they stand in.
WORDS: dict[str, dict[str, Promise | str]] = {
    "rule": {
        "beaten": _("beaten by proof"),
        "top": _("not among the strongest"),
        "gate": _("did not win over its parent"),
    },
    "wish": dict(TrainingRun.Wish.choices),
    "gate": {"passed": _("shown"), "refused": _("not shown")},
    "verdict": {
        "best": _("proven to be the best"),
        "equivalent": _("in front, with others that are as good by what matters"),
        "leads": _("leads, not proven"),
        "level": _("level with another"),
        "alone": _("nobody contended"),
    },
}
LONGEST_LIST = 12


@require_safe
@cache_control(no_store=True)
@role_required(Role.RESEARCHER)
def log(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show the log, the newest line first; `?kind=` keeps the lines of one kind."""
    run = get_object_or_404(SelectionRun, slug=slug)
    events = run.events.select_related("by").order_by("-id")
    kind = request.GET.get("kind", "")
    if kind in RunEvent.Kind.values:
        events = events.filter(kind=kind)
    page = Paginator(events, PAGE).get_page(request.GET.get("page"))
    rows = [(event, tell_detail(event.detail)) for event in page.object_list]
    there = set(run.events.order_by().values_list("kind", flat=True).distinct())
    kinds = [choice for choice in RunEvent.Kind.choices if choice[0] in there]
    context = {"run": run, "page": page, "rows": rows, "kinds": kinds, "kind": kind}
    return render(request, "runs/log.html", context)


def tell_detail(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give an event's details as names and words; what is empty is left out."""
    known = [name for name in NAMES if name in detail]
    others = sorted(name for name in detail if name not in NAMES)
    return [
        (str(NAMES.get(name, name)), _tell(name, detail[name]))
        for name in (*known, *others)
        if detail[name] not in (None, "", [], {})
    ]


def _tell(name: str, value: Any) -> str:
    if name in STATES_IN and value in _STATES:
        return str(_STATES[value])
    if isinstance(value, str) and value in WORDS.get(name, {}):
        return str(WORDS[name][value])
    if isinstance(value, list):
        shown = ", ".join(str(each) for each in value[:LONGEST_LIST])
        more = len(value) - LONGEST_LIST
        return f"{shown} … +{more}" if more > 0 else shown
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(number_format(value, force_grouping=True))
    return str(value)
