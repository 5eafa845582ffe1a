"""Set how a run comes to its decision: which pair is compared next, and when that may stop."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotate.models import DecisionRules, Round, SelectionRun, User
from annotate.models.decisions import PairingPolicy
from annotate.services import errors, estimating
from annotate.services.changes import hold_run, log_change

SMALLEST_EPSILON = 0.01
LARGEST_WARM_UP = 1000
LARGEST_VOTES_PER_PAIR = 100
SMALLEST_ALPHA, LARGEST_ALPHA = 0.0001, 0.5
LARGEST_DELTA = 3.0
# The largest that the database's integers hold.
LARGEST_COUNT = 2**31 - 1


def set_decision_rules(*, run: SelectionRun, by: User | None, **fields: Any) -> DecisionRules:
    """Store some of a run's rules and leave the others; the run's log keeps who did it.

    `fields` are those of `DecisionRules`. Votes already cast stay as they are, and so does a stop:
    it is honoured while `stops_early` is true. A worker looks at the open round anew.

    Raises:
        RulesRefused: a rule is out of its range, or asks for more votes than the round takes.
    """
    _check_ranges(fields)
    with transaction.atomic():
        hold_run(run)
        before = DecisionRules.of(run)
        rules, _is_new = DecisionRules.objects.update_or_create(run=run, defaults=fields)
        for round_ in run.rounds.open():
            if "votes_per_language" in fields:
                _check_languages(round_, rules.votes_per_language, field="votes_per_language")
            estimating.request_refresh(round_=round_)
        _log(rules, by, {name: (getattr(before, name), new) for name, new in fields.items()})
    return rules


def set_budget(*, run: SelectionRun, by: User | None, votes_wanted: int | None) -> Round:
    """Change after how many votes the open round ends at the latest; None for no such number.

    Raises:
        RoundClosed: no round of the run is open.
        RulesRefused: the minimum of votes in each language asks for more.
    """
    if votes_wanted is not None:
        _check_range("votes_wanted", votes_wanted, 1, LARGEST_COUNT)
    with transaction.atomic():
        hold_run(run)
        round_ = run.rounds.open().select_for_update(no_key=True).first()
        if round_ is None:
            raise errors.RoundClosed(_("No round of this run is open, so none has a budget."))
        before, round_.votes_wanted = round_.votes_wanted, votes_wanted
        rules = DecisionRules.objects.get_or_create(run=run)[0]
        _check_languages(round_, rules.votes_per_language, field="votes_wanted")
        round_.save(update_fields=["votes_wanted"])
        _log(rules, by, {"votes_wanted": (before, votes_wanted)})
    return round_


def _log(rules: DecisionRules, by: User | None, fields: Mapping[str, tuple[Any, Any]]) -> None:
    """Log what changed, from what to what: a defended answer tells by which rules it was sought."""
    changed = [
        f"{name} ({'–' if old is None else old} → {'–' if new is None else new})"
        for name, (old, new) in fields.items()
        if old != new
    ]
    if changed:
        log_change(rules, by=by, fields=changed)


def _check_ranges(fields: Mapping[str, Any]) -> None:
    """Refuse what the database would, with words for whoever wrote it."""
    policy = fields.get("policy", PairingPolicy.BALANCED)
    if policy not in PairingPolicy.values:
        message = _("There is no policy %(policy)s; there are: %(known)s.")
        known = ", ".join(PairingPolicy.values)
        raise errors.RulesRefused(message % {"policy": policy, "known": known}, field="policy")
    ranges: dict[str, tuple[float, float]] = {
        "epsilon": (SMALLEST_EPSILON, 1),
        "warm_up": (0, LARGEST_WARM_UP),
        "votes_per_pair": (1, LARGEST_VOTES_PER_PAIR),
        "alpha": (SMALLEST_ALPHA, LARGEST_ALPHA),
        "delta": (0.001, LARGEST_DELTA),
        "votes_per_language": (0, LARGEST_COUNT),
    }
    for field, (low, high) in ranges.items():
        if fields.get(field) is not None:
            _check_range(field, fields[field], low, high)


def _check_range(field: str, value: float, low: float, high: float) -> None:
    # Asked this way round, for no comparison with nan is true.
    if not low <= value <= high:
        message = _("%(value)s is out of range: from %(low)s to %(high)s is right.")
        words = {"value": f"{value:g}", "low": f"{low:g}", "high": f"{high:g}"}
        raise errors.RulesRefused(message % words, field=field)


def _check_languages(round_: Round, votes_per_language: int, *, field: str) -> None:
    """Refuse a minimum that the round's budget cannot pay: it could never stop early."""
    budget = round_.votes_wanted
    n_languages = round_.prompts().order_by().values("language").distinct().count()
    needed = votes_per_language * n_languages
    if budget is not None and needed > budget:
        message = _(
            "%(each)s votes in each of %(languages)s languages are %(needed)s, and the open round"
            " takes %(budget)s: it could never stop early. Ask for fewer, or raise the budget."
        )
        words = {"each": votes_per_language, "languages": n_languages, "needed": needed}
        raise errors.RulesRefused(message % (words | {"budget": budget}), field=field)
