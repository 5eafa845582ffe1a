"""Set how volunteers rate in a run."""

from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from annotate.models import GoldPair, RatingRules, ReasonTag, SelectionRun, User
from annotate.models.comparisons import Purpose
from annotate.services import errors, gold
from annotate.services.changes import hold_run, log_change

# Of comparisons whose votes rank nobody.
LARGEST_SHARE = 0.5


def set_rules(*, run: SelectionRun, by: User | None, **fields: Any) -> RatingRules:
    """Store some of a run's rules and leave the others; the run's log keeps who did it.

    `fields` are those of `RatingRules`; `reasons` are its tags. Votes already cast stay as they
    are.

    Raises:
        RulesRefused: the rules would ask for what the run has not, or leave too little that ranks.
    """
    reasons = fields.pop("reasons", None)
    with transaction.atomic():
        # Held so that no practice pair is retired between the count and the rule.
        hold_run(run)
        _check_practice(run, fields.get("practice_needed") or 0)
        rules, _is_new = RatingRules.objects.update_or_create(run=run, defaults=fields)
        _check_rates(rules)
        if reasons is not None:
            rules.reasons.set(reasons)
        log_change(rules, by=by, fields=[*fields, *([] if reasons is None else ["reasons"])])
    return rules


def add_reason(*, run: SelectionRun, by: User | None, label_en: str, label_ja: str) -> ReasonTag:
    """Make a reason of an admin's own, and offer it in the run.

    Raises:
        RulesRefused: there is such a reason already, or no name can be made of the label.
    """
    slug = slugify(label_en)[:50]
    if not slug:
        message = _("The English label needs letters of the Latin alphabet.")
        raise errors.RulesRefused(message, field="label_en")
    with transaction.atomic():
        hold_run(run)
        last = ReasonTag.objects.aggregate(last=Max("position"))["last"] or 0
        tag, is_new = ReasonTag.objects.get_or_create(
            slug=slug, defaults={"label_en": label_en, "label_ja": label_ja, "position": last + 1}
        )
        if not is_new:
            message = _("There is already a reason called “%(label)s”; choose it above.")
            raise errors.RulesRefused(message % {"label": tag.label_en}, field="label_en")
        rules = _stored(run)
        rules.reasons.add(tag)
        log_change(rules, by=by, fields=["reasons"])
    return tag


def retire_known(*, run: SelectionRun, by: User | None, pair: GoldPair) -> GoldPair:
    """Show a known answer no more; the practice that the rules ask for stays possible.

    Raises:
        RulesRefused: as many right answers are needed as there are practice comparisons.
    """
    with transaction.atomic():
        hold_run(run)
        needed = RatingRules.of(run).practice_needed
        is_there = pair.use == Purpose.PRACTICE and pair.retired_at is None
        if is_there and _practice(run).count() <= needed:
            message = _(
                "%(needed)s right practice answers are asked for; ask for fewer under “Care” first."
            )
            raise errors.RulesRefused(message % {"needed": needed}, field="pair")
        retired = gold.retire_gold_pair(pair=pair)
    return retired


def count_practice(*, run: SelectionRun) -> int:
    """Count the practice comparisons that newcomers to the run can get."""
    return _practice(run).count()


def _check_practice(run: SelectionRun, needed: int) -> None:
    there = _practice(run).count()
    if needed > there:
        message = _(
            "%(needed)s right answers cannot be asked for: there are %(there)s practice"
            " comparisons. Add some under “Known answers” first."
        )
        raise errors.RulesRefused(
            message % {"needed": needed, "there": there}, field="practice_needed"
        )


def _check_rates(rules: RatingRules) -> None:
    """Refuse known answers and repeats that together take more than half of the comparisons."""
    if rules.gold_rate + rules.repeat_rate > LARGEST_SHARE:
        message = _("More than half would leave too few comparisons that count.")
        raise errors.RulesRefused(message, field="repeat_rate")


def _practice(run: SelectionRun) -> QuerySet[GoldPair]:
    return GoldPair.objects.filter(run=run, use=Purpose.PRACTICE, retired_at__isnull=True)


def _stored(run: SelectionRun) -> RatingRules:
    return RatingRules.objects.get_or_create(run=run)[0]
