"""The line of comparisons that wait for one annotator's answer, practice in a line of its own.

All that happens to the line happens in turn: whoever changes it holds the annotator first.
"""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Max, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotate.models import Annotator, Comparison, RatingRules, Round
from annotate.models.comparisons import ComparisonQuerySet, Purpose
from annotate.services import drawing, errors


def hold_annotator(annotator: Annotator) -> Annotator:
    """Read the annotator again and keep everybody else from their comparisons."""
    return Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)


def find_comparison(
    token: uuid.UUID, annotator: Annotator, *, may_be_practice: bool = False
) -> Comparison:
    """Give what was drawn for the annotator; practice can be answered, and nothing else.

    Skipped or reported, there would be less to practise on before the first vote that counts.
    """
    comparison = (
        Comparison.objects.select_related(
            "round__run__stored_rules", "prompt", "completion_a", "completion_b"
        )
        .filter(token=token, annotator=annotator)
        .first()
    )
    if comparison is None or (comparison.purpose == Purpose.PRACTICE and not may_be_practice):
        raise errors.ComparisonUnknown(_("This comparison was not drawn for you."))
    comparison.annotator = annotator
    return comparison


def list_waiting(
    round_: Round, annotator: Annotator, rules: RatingRules, *, is_practice: bool = False
) -> list[Comparison]:
    """List what waits for the annotator's answer, oldest first; drop what they may not see now.

    A text may have been reported since it was drawn, or the annotator's languages have changed.
    """
    may_be_shown = drawing.may_be_shown(annotator=annotator, rules=rules)
    unanswered = (
        _of_kind(annotator.comparisons.filter(round=round_), is_practice=is_practice)
        .unanswered()
        .select_related("prompt", "completion_a", "completion_b")
        .annotate(may_be_shown=ExpressionWrapper(may_be_shown, output_field=BooleanField()))
        .order_by("id")
    )
    waiting: list[Comparison] = []
    dropped: list[int] = []
    for comparison in unanswered:
        comparison.round = round_
        if comparison.may_be_shown:  # type: ignore[attr-defined]
            waiting.append(comparison)
        else:
            dropped.append(comparison.pk)
    if dropped:
        Comparison.objects.filter(pk__in=dropped).update(dropped_at=timezone.now())
    return waiting


def keep_lease(comparison: Comparison, *, is_shown: bool) -> None:
    """Store a drawn comparison, or prolong its lease once half of it has gone."""
    now = timezone.now()
    lease = timedelta(seconds=settings.LEASE_S)
    is_first_showing = is_shown and comparison.shown_at is None
    ends_at = comparison.lease_expires_at
    if ends_at is not None and ends_at - now > lease / 2 and not is_first_showing:
        return
    comparison.lease_expires_at = now + lease
    if is_first_showing:
        comparison.shown_at = now
    comparison.save()


def show_next(comparison: Comparison) -> None:
    """Mark the next one that waits as shown: the browser has it, and shows it at once."""
    if comparison.purpose == Purpose.PRACTICE:
        return
    now = timezone.now()
    waiting = Comparison.objects.filter(
        annotator=comparison.annotator_id, round=comparison.round_id
    ).unanswered()
    oldest = _of_kind(waiting, is_practice=False).order_by("id").values("pk")[:1]
    Comparison.objects.filter(pk=Subquery(oldest), shown_at=None).update(
        shown_at=now, lease_expires_at=now + timedelta(seconds=settings.LEASE_S)
    )


def find_last_judged(round_: Round, annotator: Annotator, rules: RatingRules) -> Comparison | None:
    """Find what the annotator voted on or skipped last, and did not report.

    Raises:
        VoteRefused: it may not be shown again, so that it has to stay as it is.
    """
    standing = Q(votes__withdrawn_number=None)
    may_be_shown = drawing.may_be_shown(annotator=annotator, rules=rules)
    last = (
        _of_kind(annotator.comparisons.filter(round=round_), is_practice=False)
        .filter(dropped_at=None)
        .exclude(skipped_at__isnull=False, reports__isnull=False)
        .annotate(voted_at=Max("votes__created_at", filter=standing))
        .annotate(judged_at=Coalesce("skipped_at", "answered_at", "voted_at"))
        .annotate(may_be_shown=ExpressionWrapper(may_be_shown, output_field=BooleanField()))
        .filter(judged_at__isnull=False)
        .order_by("-judged_at", "-id")
        .first()
    )
    if last is not None and not last.may_be_shown:  # type: ignore[attr-defined]
        raise errors.VoteRefused(
            _("The last pair may not be shown any more, so what you said of it stays.")
        )
    return last


def check_daily_limit(
    round_: Round, annotator: Annotator, rules: RatingRules, *, n_before: int
) -> None:
    """Refuse another comparison to a person who has judged enough since midnight.

    `n_before` comparisons will be judged before that one.
    """
    if rules.daily_limit is None or annotator.kind != Annotator.Kind.PERSON:
        return
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    judged = annotator.comparisons.judged().filter(
        round__run=round_.run_id, answered_at__gte=midnight
    )
    if judged.count() + n_before >= rules.daily_limit:
        raise errors.DailyLimitReached(
            ngettext(
                "You have reached today's limit of %(limit)s vote. Come back tomorrow: the day"
                " begins at midnight (%(zone)s).",
                "You have reached today's limit of %(limit)s votes. Come back tomorrow: the day"
                " begins at midnight (%(zone)s).",
                rules.daily_limit,
            )
            % {"limit": rules.daily_limit, "zone": timezone.get_current_timezone_name()}
        )


def _of_kind(comparisons: ComparisonQuerySet, *, is_practice: bool) -> ComparisonQuerySet:
    """Keep practice comparisons, or all others; the two never wait in one line."""
    practice = Q(purpose=Purpose.PRACTICE)
    return comparisons.filter(practice if is_practice else ~practice)
