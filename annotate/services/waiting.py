"""The line of comparisons that wait for one annotator's answer, practice in a line of its own.

All that happens to the line happens in turn: whoever changes it holds the annotator first.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Max, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotate.models import Annotator, Comparison, Completion, Prompt, RatingRules, Round
from annotate.models.comparisons import ComparisonQuerySet, Purpose
from annotate.services import drawing, errors
from annotate.services.counted import TAKEN_BY_PEOPLE, note_drawn
from annotate.services.joined import (
    BESIDE_THE_REPLIES,
    BESIDE_THE_TURNS,
    HIDES,
    Columns,
    Parts,
    ask,
)
from annotate.services.ledger import LOCK_CLASS
from annotate.services.pairing import is_read_by

_HELD = Columns(Annotator, "held")
# In this order: the row of a materialized query is locked before anything is made of it.
_HOLD = f"""
WITH held AS MATERIALIZED (
  SELECT * FROM annotate_annotator WHERE id = %(annotator)s FOR NO KEY UPDATE
)
SELECT {_HELD.sql}, pg_advisory_xact_lock_shared({LOCK_CLASS}, (
  SELECT round.run_id::integer FROM annotate_comparison AS comparison
  JOIN annotate_round AS round ON round.id = comparison.round_id
  WHERE comparison.token = %(token)s
)) FROM held"""  # noqa: S608 - only names and constants of our own go in
_PLACE = Parts(
    Columns(Comparison, "comparison"),
    Columns(Prompt, "prompt", without=BESIDE_THE_TURNS),
    Columns(Completion, "a", without=BESIDE_THE_REPLIES),
    Columns(Completion, "b", without=BESIDE_THE_REPLIES),
)
# The round is compared as a sum, which no index has: where PostgreSQL believes that an annotator
# has few comparisons, it would take the index of them all by it, and not that of those that wait.
# Texts are found for each comparison by itself (OFFSET keeps it so): a plan that was made while the
# tables were empty, and kept, would join all of them.
_LINE = f"""
SELECT {_PLACE.sql},
  round.closed_at IS NOT NULL,
  EXISTS (SELECT FROM annotate_vote AS vote WHERE vote.comparison_id = comparison.id),
  EXISTS (
    SELECT FROM annotate_report AS report WHERE report.completion_id IN (a.id, b.id)
    AND {HIDES}
  ), {{n_judged}}
FROM annotate_comparison AS comparison
  JOIN annotate_round AS round ON round.id = comparison.round_id
  CROSS JOIN LATERAL (
    SELECT * FROM annotate_prompt WHERE id = comparison.prompt_id OFFSET 0
  ) AS prompt
  CROSS JOIN LATERAL (
    SELECT * FROM annotate_completion WHERE id = comparison.completion_a_id OFFSET 0
  ) AS a
  CROSS JOIN LATERAL (
    SELECT * FROM annotate_completion WHERE id = comparison.completion_b_id OFFSET 0
  ) AS b
WHERE comparison.id = ANY (ARRAY(
  SELECT id FROM annotate_comparison
  WHERE token = %(token)s AND annotator_id = %(annotator)s
  UNION
  SELECT waiting.id FROM annotate_comparison AS waiting
  WHERE waiting.annotator_id = %(annotator)s AND waiting.answered_at IS NULL
  AND waiting.skipped_at IS NULL AND waiting.dropped_at IS NULL AND waiting.round_id + 0 = COALESCE(
    (SELECT round_id FROM annotate_comparison WHERE token = %(token)s), %(round)s::bigint
  )
))
ORDER BY comparison.id"""  # noqa: S608 - only names and constants of our own go in
_JUDGED_SINCE = f"""(
    SELECT count(*) FROM annotate_comparison AS judged
    JOIN annotate_round AS its ON its.id = judged.round_id
    WHERE judged.annotator_id = %(annotator)s AND judged.answered_at >= %(since)s
    AND judged.answered_at IS NOT NULL
    AND judged.purpose <> '{Purpose.PRACTICE}' AND its.run_id = %(run)s
  )"""  # noqa: S608 - only names and constants of our own go in


@dataclass(frozen=True)
class Place:
    """A comparison of the line, or the one that is voted on."""

    comparison: Comparison
    is_closed: bool
    is_hidden: bool


@dataclass
class Line:
    """What waits for an annotator's answer in a round, oldest first, and what they vote on.

    Attributes:
        round_id: the round in which the others wait.
        n_judged: what the annotator judged in the run since midnight; None where nobody asked.
    """

    places: list[Place]
    round_id: int | None
    n_judged: int | None

    def find(self, token: uuid.UUID) -> Place | None:
        """Give the place of what is voted on; None where that was not drawn for the annotator."""
        return next((each for each in self.places if each.comparison.token == token), None)

    def next_after(self, comparison: Comparison) -> Comparison | None:
        """Give what the browser shows once a comparison is judged; after practice, nothing."""
        if comparison.purpose == Purpose.PRACTICE:
            return None
        others = (each.comparison for each in self.places if each.comparison != comparison)
        return next((each for each in others if each.purpose != Purpose.PRACTICE), None)

    def leave(self, comparison: Comparison) -> None:
        """Take a comparison out that has been judged."""
        self.places = [each for each in self.places if each.comparison != comparison]
        if self.n_judged is not None and comparison.purpose != Purpose.PRACTICE:
            self.n_judged += 1


def hold_annotator(annotator: Annotator, *, votes_on: uuid.UUID | None = None) -> Annotator:
    """Read the annotator again and keep everybody else from their comparisons.

    Args:
        votes_on: token of a comparison whose run's ledger is held after them.
    """
    found = ask(_HOLD, {"annotator": annotator.pk, "token": votes_on})
    held = _HELD.take(found[0])
    assert held is not None
    return held


def read_line(
    annotator: Annotator,
    *,
    token: uuid.UUID | None = None,
    round_: Round | None = None,
    rules: RatingRules | None = None,
) -> Line:
    """Read what waits for an annotator in the round of what they vote on, else in `round_`.

    With the rules of `round_`'s run, what they judged in it today is counted if there is a limit.
    """
    counts = rules is not None and has_limit(rules, annotator)
    asked = {
        "annotator": annotator.pk,
        "token": token,
        "round": round_ and round_.pk,
        "run": round_ and round_.run_id,
        "since": _midnight() if counts else None,
    }
    line = Line([], None if round_ is None else round_.pk, None)
    for values in ask(_LINE.format(n_judged=_JUDGED_SINCE if counts else "0"), asked):
        (comparison, prompt, a, b), rest = _PLACE.take(values)
        comparison.prompt, comparison.completion_a, comparison.completion_b = prompt, a, b
        comparison.annotator = annotator
        is_closed, comparison.may_have_votes, is_hidden, n_judged = rest
        line.places.append(Place(comparison, is_closed, is_hidden))
        line.n_judged = n_judged if counts else None
    if token is not None and (voted_on := line.find(token)) is not None:
        line.round_id = voted_on.comparison.round_id
    return line


def find_comparison(token: uuid.UUID, annotator: Annotator) -> Comparison:
    """Give what was drawn for the annotator, for anything but a vote; practice is only answered.

    Skipped or reported, there would be less to practise on before the first vote that counts.
    """
    comparison = (
        Comparison.objects.select_related(
            "round__run__stored_rules", "prompt", "completion_a", "completion_b"
        )
        .filter(token=token, annotator=annotator)
        .exclude(purpose=Purpose.PRACTICE)
        .first()
    )
    if comparison is None:
        raise errors.ComparisonUnknown(_("This comparison was not drawn for you."))
    comparison.annotator = annotator
    return comparison


def list_waiting(
    round_: Round, annotator: Annotator, rules: RatingRules, *, is_practice: bool = False
) -> list[Comparison]:
    """List what waits for the annotator's answer, oldest first; drop what they may not see now."""
    line = read_line(annotator, round_=round_)
    return keep_fit(line, round_, annotator, rules, is_practice=is_practice)


def keep_fit(
    line: Line,
    round_: Round,
    annotator: Annotator,
    rules: RatingRules,
    *,
    is_practice: bool = False,
) -> list[Comparison]:
    """List what waits in a line, oldest first; drop what the annotator may not see now.

    A text may have been reported since it was drawn, or the annotator's languages have changed.
    """
    fit: list[Comparison] = []
    dropped: list[int] = []
    for place in line.places:
        comparison = place.comparison
        if not _waits(comparison, is_practice=is_practice):
            continue
        comparison.round = round_
        if _may_be_shown(place, annotator, rules):
            fit.append(comparison)
        else:
            dropped.append(comparison.pk)
    if dropped:
        Comparison.objects.filter(pk__in=dropped).update(dropped_at=timezone.now())
    return fit


def _waits(comparison: Comparison, *, is_practice: bool) -> bool:
    """Tell whether a comparison is unanswered, and of the kind; the two never wait in one line."""
    ends = (comparison.answered_at, comparison.skipped_at, comparison.dropped_at)
    return ends == (None, None, None) and (comparison.purpose == Purpose.PRACTICE) == is_practice


def _may_be_shown(place: Place, annotator: Annotator, rules: RatingRules) -> bool:
    """Tell of one comparison what `drawing.may_be_shown` asks of many."""
    comparison = place.comparison
    two = comparison.completion_a, comparison.completion_b
    names_maker = rules.leaves_out_maker_names and any(each.names_maker for each in two)
    is_read = is_read_by(annotator, comparison.prompt.language)
    return is_read and not place.is_hidden and not names_maker


def keep_lease(comparison: Comparison, *, is_shown: bool) -> None:
    """Mark one that waits as shown, the first time, and prolong its lease once half has gone."""
    now = timezone.now()
    lease = timedelta(seconds=settings.LEASE_S)
    is_first_showing = is_shown and comparison.shown_at is None
    ends_at = comparison.lease_expires_at
    if ends_at is not None and ends_at - now > lease / 2 and not is_first_showing:
        return
    comparison.lease_expires_at = now + lease
    if is_first_showing:
        comparison.shown_at = now
    comparison.save(update_fields=["lease_expires_at", "shown_at"])


_FIELDS = [field for field in Comparison._meta.concrete_fields if not field.primary_key]
_DRAWN = {str(field.column): field.attname for field in _FIELDS}
_TYPES = {str(field.column): field.rel_db_type(connection) for field in _FIELDS}
# Whoever has the lock of the two completions sees here what was committed before they got it.
_KEEP_DRAWN = f"""
INSERT INTO annotate_comparison ({", ".join(_DRAWN)})
SELECT {", ".join(f"%({column})s::{kind}" for column, kind in _TYPES.items())}
WHERE %(given_at_most)s::bigint IS NULL OR %(given_at_most)s::bigint > (
  SELECT count(*) FROM annotate_comparison AS comparison
  JOIN annotate_annotator AS annotator ON annotator.id = comparison.annotator_id
  WHERE comparison.completion_a_id = %(completion_a_id)s
  AND comparison.completion_b_id = %(completion_b_id)s
  AND comparison.round_id = %(round_id)s AND comparison.purpose = '{Purpose.RANKING}'
  AND {TAKEN_BY_PEOPLE}
)
RETURNING id"""  # noqa: S608 - only names and constants of our own go in


def keep_drawn(comparison: Comparison, *, is_shown: bool) -> bool:
    """Store a comparison that was drawn, and lease it.

    Returns:
        False where as many annotators have been given it by now as may be: then nothing is stored.
    """
    now = timezone.now()
    comparison.created_at = now
    comparison.lease_expires_at = now + timedelta(seconds=settings.LEASE_S)
    comparison.shown_at = now if is_shown else None
    values = {column: getattr(comparison, name) for column, name in _DRAWN.items()}
    values |= {
        "given_at_most": comparison.given_at_most,
        "run": comparison.round.run_id,
        "at": now,
    }
    kept = ask(_KEEP_DRAWN, values)
    if not kept:
        return False
    comparison.pk = kept[0][0]
    comparison._state.adding = False
    if comparison.purpose == Purpose.RANKING and comparison.annotator.kind != Annotator.Kind.JUDGE:
        note_drawn(comparison)
    return True


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


def has_limit(rules: RatingRules, annotator: Annotator) -> bool:
    """Tell whether so many comparisons a day are all that an annotator may judge."""
    return rules.daily_limit is not None and annotator.kind == Annotator.Kind.PERSON


def check_daily_limit(
    round_: Round,
    annotator: Annotator,
    rules: RatingRules,
    *,
    n_before: int,
    n_judged: int | None = None,
) -> None:
    """Refuse another comparison to a person who has judged enough since midnight.

    `n_before` comparisons will be judged before that one. `n_judged` were; None: they are counted.
    """
    limit = rules.daily_limit
    if limit is None or not has_limit(rules, annotator):
        return
    if n_judged is None:
        judged = annotator.comparisons.judged().filter(
            round__run=round_.run_id, answered_at__gte=_midnight()
        )
        n_judged = judged.count()
    if n_judged + n_before >= limit:
        raise errors.DailyLimitReached(
            ngettext(
                "You have reached today's limit of %(limit)s vote. Come back tomorrow: the day"
                " begins at midnight (%(zone)s).",
                "You have reached today's limit of %(limit)s votes. Come back tomorrow: the day"
                " begins at midnight (%(zone)s).",
                limit,
            )
            % {"limit": limit, "zone": timezone.get_current_timezone_name()}
        )


def _midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _of_kind(comparisons: ComparisonQuerySet, *, is_practice: bool) -> ComparisonQuerySet:
    """Keep practice comparisons, or all others; the two never wait in one line."""
    practice = Q(purpose=Purpose.PRACTICE)
    return comparisons.filter(practice if is_practice else ~practice)
