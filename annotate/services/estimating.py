"""Look at a round's votes in the background, for the pairs that come next and for its page.

A look is one row, `RoundEstimate`, written anew after about every tenth vote, and in a large round
after every thousandth part more and a rest, for a look takes longer the more votes there are.
Nobody who votes waits for one.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Count, Max, Min, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from annotate.models import (
    Comparison,
    DecisionRules,
    Round,
    RoundEstimate,
    SelectionRun,
    Stop,
    Vote,
)
from annotate.models.comparisons import Purpose
from annotate.ranking.arrays import BoolArray, IntArray
from annotate.ranking.crossed import Crossing, cross_votes
from annotate.ranking.estimate import GroupEstimate, Look, look_at_votes
from annotate.ranking.methods import Clustering
from annotate.ranking.stopping import MIN_ANNOTATORS
from annotate.ranking.votes import Ballots, check_ballots
from annotate.services import availability, queue, tallies
from annotate.services.numbers import json_e_value, json_number
from annotate.services.pairing import (
    SETTLING,
    Estimate,
    RoundNow,
    look_at,
    newest_estimate,
    taken_for_ranking,
)
from annotate.services.vote_columns import number_pairs, read_votes

REFRESH_EVERY = 10  # votes, or a thousandth part of those that the last look was at
REFRESH_PART = 1_000
# Where many vote at once, looks do not follow each other at once; and a look at many votes, which
# takes some 5 µs for each, rests ten times as long as it took.
REST = timedelta(seconds=2)
REST_FOR_VOTE = timedelta(microseconds=50)
# Volunteers wait while a look waits for the ledger, so it rather comes back later.
PATIENCE_MS = 500
# Votes on pairs that were under way may come in after a round has closed, until it did.
LOOK_BACK = timedelta(hours=1)
# What of a run's rules an answer depends on.
STOP_BY = ("alpha", "delta", "votes_per_language")


def request_refresh(*, round_: Round, in_s: int = 0) -> None:
    """Have a worker look at the round soon; while it waits for that, a second wish changes nothing.

    Inside a transaction it is asked for when that commits.

    Args:
        in_s: seconds to wait before.
    """
    queue.defer_once("refresh_estimate", queue="default", in_s=in_s, round_id=round_.pk)


def note_vote(*, vote: Vote, round_: Round, now: RoundNow | None) -> None:
    """Ask for a look when there are enough new votes, by its id; the others cost nothing.

    Args:
        now: how the round stood before the vote; None where that is not known.
    """
    n_looked_at = 0 if now is None else now.n_looked_at
    if vote.pk % max(REFRESH_EVERY, n_looked_at // REFRESH_PART) == 0:
        left = timedelta(0)
        if now is not None and now.stamp is not None:
            left = max(REST, n_looked_at * REST_FOR_VOTE) - (timezone.now() - now.stamp[1])
        request_refresh(round_=round_, in_s=max(0, ceil(left.total_seconds())))


def note_exclusion(*, run: SelectionRun) -> None:
    """Ask for a look at the run's open round: some of its votes count no more, or count again."""
    for round_ in run.rounds.open():
        request_refresh(round_=round_)


def list_outdated() -> list[Round]:
    """List the rounds with votes that came after the last look at them."""
    now = timezone.now()
    looked_at = Coalesce("estimate__made_at", Value(datetime.min.replace(tzinfo=UTC)))
    # Each round's newest, from an index: asked whether there is any, PostgreSQL reads them all.
    judged = Comparison.objects.judged().by_people().filter(round=OuterRef("pk"))
    newest = judged.order_by("-answered_at").values("answered_at")[:1]
    rounds = Round.objects.filter(opened_at__isnull=False).filter(
        Q(closed_at__isnull=True) | Q(closed_at__gt=now - LOOK_BACK)
    )
    return list(rounds.alias(newest=Subquery(newest)).filter(newest__gt=looked_at).order_by("id"))


def refresh_estimate(*, round_: Round) -> RoundEstimate:
    """Look at the votes of a round, store what they say, and stop the round where they say enough.

    A round stops once: where its run stops early, the evidence gives an answer, and there are the
    votes in each language that the run asks for.

    Raises:
        LedgerBusy: votes are being imported into the run.
    """
    # Read before the cut-off: who votes after it votes later than this, whatever is in between.
    made_at = timezone.now()
    tallies.roll_up(run=round_.run, timeout_ms=PATIENCE_MS)
    now = look_at(round_)
    columns = tallies.read_tallies(round_=now.round).among(now.candidates)
    look = _look(now, columns)
    evidence = _tell_evidence(look, now, columns)
    drawn_by = _gather(now, look, made_at)
    fields = {
        "through": columns.through,
        "last_comparison": drawn_by.last_comparison,
        "n_votes": look.n_votes,
        "n_judged": _count_judged(round_, by=made_at - SETTLING),
        "judged_by": made_at - SETTLING,
        "made_at": made_at,
        "candidates": list(now.candidates),
        "standings": list(_tell_standings(look, now.candidates)),
        "evidence": evidence,
        "arrays": drawn_by.to_bytes(),
    }
    with transaction.atomic():
        # One at a time; whoever looked at less comes too late.
        locked = Round.objects.select_for_update(no_key=True).get(pk=round_.pk)
        stored = RoundEstimate.objects.filter(round=round_).first()
        if stored is not None and stored.through > columns.through:
            return stored
        fields["version"] = 1 if stored is None else stored.version + 1
        estimate, _is_new = RoundEstimate.objects.update_or_create(round=round_, defaults=fields)
        if _has_answer(evidence) and _may_stop(locked, now.decision):
            _stop(locked, estimate)
    return estimate


def _look(now: RoundNow, columns: tallies.TallyColumns) -> Look:
    """Look at the tallies; where they have an answer, look again at the votes one by one.

    Tallies know no prompts and no pairs of completions, and votes on one of those hang together as
    an annotator's do: by annotators alone a round on a few prompts would be too sure of its answer.
    """
    by_annotator = _look_at(now, columns.through, _ballots(columns, now.candidates))
    if by_annotator.evidence is None or by_annotator.evidence.answer is None:
        return by_annotator
    return look_closely(now, cutoff=columns.through)


def look_closely(
    now: RoundNow, *, cutoff: int, contends: BoolArray | None = None, alpha: float | None = None
) -> Look:
    """Look at the votes below a cut-off one by one, clustered two ways where that is wider.

    Args:
        contends: (n,) between whom the evidence is wanted; None: between the round's contenders.
        alpha: the chance of an error that it may have; None: as the run's rules say.
    """
    filters = {"round": now.round.number}
    votes = read_votes(run=now.round.run, cutoff=cutoff, filters=filters)
    are_among = np.isin(votes["candidate_a"], now.candidates)
    votes = votes[are_among & np.isin(votes["candidate_b"], now.candidates)]
    ballots = check_ballots(
        candidate_a=np.searchsorted(now.candidates, votes["candidate_a"]),
        candidate_b=np.searchsorted(now.candidates, votes["candidate_b"]),
        outcome=votes["outcome"],
        annotator=votes["annotator"],
        n_candidates=len(now.candidates),
    )
    clusters = (
        (Clustering.ANNOTATOR_PAIR, number_pairs(votes)),
        (Clustering.ANNOTATOR_PROMPT, votes["prompt"]),
    )
    crossings = cross_votes(ballots, clusters)
    return _look_at(now, cutoff, ballots, crossings, contends=contends, alpha=alpha)


def _look_at(
    now: RoundNow,
    cutoff: int,
    ballots: Ballots,
    crossings: Sequence[Crossing] = (),
    *,
    contends: BoolArray | None = None,
    alpha: float | None = None,
) -> Look:
    return look_at_votes(
        ballots,
        crossings,
        alpha=now.decision.alpha if alpha is None else alpha,
        delta=now.decision.delta,
        rng=np.random.default_rng([now.round.pk, cutoff]),
        contends=now.contends if contends is None else contends,
        allowed=now.mask,
    )


def _ballots(columns: tallies.TallyColumns, candidates: tuple[int, ...]) -> Ballots:
    return check_ballots(
        candidate_a=np.searchsorted(candidates, columns.candidate_a),
        candidate_b=np.searchsorted(candidates, columns.candidate_b),
        outcome=columns.outcome,
        annotator=columns.annotator,
        n_candidates=len(candidates),
        count=columns.votes,
    )


def _gather(now: RoundNow, look: Look, made_at: datetime) -> Estimate:
    """Count what is settled of the round's comparisons, for the pairs that come next.

    What the last look counted is taken over, and what came since is added.
    """
    before = _counted_before(now)
    last, open_ = _settle(now.round, made_at, before)
    met, cells = before.met.copy(), before.cells.copy()
    place = {candidate: place for place, candidate in enumerate(now.candidates)}
    counted = (
        taken_for_ranking(now.round)
        .filter(_came_since(before, last))
        .exclude(id__in=open_[:, 0].tolist())
        .order_by()
        .values_list("candidate_a", "candidate_b", "prompt__language", "prompt__category")
        .annotate(n=Count("id"))
    )
    for a, b, language, category, n in counted:
        if a in place and b in place:
            met[place[a], place[b]] += n
            met[place[b], place[a]] += n
            cells[language, category] += n
    return Estimate(
        candidates=now.candidates,
        last_comparison=last,
        open=open_,
        met=met,
        cells=cells,
        chances=look.chances,
        available=availability.count_available(now),
    )


def _counted_before(now: RoundNow) -> Estimate:
    """Give the round's last estimate if all that it counted stands; else an empty one.

    An exclusion makes it void, as in drawing; so do a vote that was taken back, and one that came
    after its lease had run out.
    """
    stored = RoundEstimate.objects.filter(round=now.round).defer("arrays").first()
    if now.stamp is None or stored is None:
        return Estimate.empty(now.candidates)
    estimate = newest_estimate(now)
    comparisons = now.round.comparisons.filter(id__lte=estimate.last_comparison)
    is_late = (
        comparisons.judged()
        .filter(answered_at__gt=stored.made_at)
        .exclude(id__in=estimate.open[:, 0].tolist())
        .exists()
    )
    taken_back = Vote.objects.filter(
        withdrawn_number__gt=stored.through, comparison__round=now.round
    )
    if is_late or taken_back.exists():
        return Estimate.empty(now.candidates)
    return estimate


def _count_judged(round_: Round, *, by: datetime) -> int:
    """Count what people judged by a moment so long ago that it is all committed."""
    return round_.comparisons.judged().by_people().filter(answered_at__lte=by).count()


def _settle(round_: Round, made_at: datetime, before: Estimate) -> tuple[int, IntArray]:
    """Give the last id that a look counts up to, and what is open up to there: (k, 3), as `open`.

    Open are those that were leased at `made_at`, and those answered after it. They are left out,
    and no other waits for them: one lease may last for half an hour.
    """
    ranking = round_.comparisons.by_people().filter(purpose=Purpose.RANKING)
    later = ranking.filter(id__gt=before.last_comparison)
    first: int | None = later.filter(created_at__gt=made_at - SETTLING).aggregate(first=Min("id"))[
        "first"
    ]
    newest: int = later.aggregate(last=Max("id"))["last"] or before.last_comparison
    last = newest if first is None else first - 1
    is_leased = Q(lease_expires_at__gt=made_at, answered_at=None, skipped_at=None, dropped_at=None)
    is_open = is_leased | Q(answered_at__gt=made_at)
    open_ = ranking.filter(_came_since(before, last), is_open).order_by("id")
    rows = list(open_.values_list("id", "candidate_a", "candidate_b"))
    return last, np.array(rows, dtype=np.int64).reshape(-1, 3)


def _came_since(before: Estimate, last: int) -> Q:
    """Find what an estimate has not counted, up to the comparison with id `last`."""
    were_open = before.open[:, 0].tolist()
    return Q(id__gt=before.last_comparison, id__lte=last) | Q(id__in=were_open)


def _tell_standings(look: Look, candidates: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Give a row for each candidate: group by group the strongest first, then those unvoted."""
    for number, group in enumerate(look.groups):
        for place in np.argsort(-group.strengths, kind="stable"):
            yield _tell_candidate(look, candidates, number, group, int(place))
    for candidate in np.flatnonzero(look.votes == 0):
        yield {
            "candidate": candidates[candidate], "group": None, "strength": None, "low": None,
            "high": None, "p_best": None, "votes": 0,
        }  # fmt: skip


def _tell_candidate(
    look: Look, candidates: tuple[int, ...], number: int, group: GroupEstimate, place: int
) -> dict[str, Any]:
    candidate, strength = int(group.members[place]), float(group.strengths[place])
    reach = np.inf if group.half_widths is None else float(group.half_widths[place])
    return {
        "candidate": candidates[candidate],
        "group": number,
        "strength": json_number(strength),
        "low": json_number(strength - reach),
        "high": json_number(strength + reach),
        "p_best": None if group.p_best is None else json_number(float(group.p_best[place])),
        "votes": int(look.votes[candidate]),
    }


def _tell_evidence(look: Look, now: RoundNow, columns: tallies.TallyColumns) -> dict[str, Any]:
    """Give what is known of the answer, as JSON can hold it."""
    decision, evidence = now.decision, look.evidence
    votes_in = columns.votes_by_language()
    languages = now.round.prompts().order_by("language").values_list("language", flat=True)
    joined = set(look.groups[0].members.tolist()) if look.groups else set()
    told: dict[str, Any] = {
        "gap": look.gap and look.gap.value,
        "clusters": look.clusters and look.clusters.value,
        "leader": None,
        "rivals": [],
        "alpha": decision.alpha,
        "delta": decision.delta,
        "level": 1 - decision.alpha,
        "answer": None,
        "votes_by_language": {tag: votes_in.get(tag, 0) for tag in languages.distinct()},
        "votes_per_language": decision.votes_per_language,
        "votes_remaining": look.remaining,
        "n_annotators": look.n_annotators,
        "annotators_needed": MIN_ANNOTATORS,
        "unjoined": [pk for place, pk in enumerate(now.candidates) if place not in joined],
    }
    if evidence is not None:
        told["leader"] = now.candidates[evidence.leader]
        told["answer"] = evidence.answer and evidence.answer.value
        told["rivals"] = [
            {
                "candidate": now.candidates[rival],
                "e_value": json_e_value(evidence.e_values[rival]),
                "difference": json_number(evidence.differences[rival]),
                "low": json_number(evidence.differences[rival] - evidence.radii[rival]),
                "high": json_number(evidence.differences[rival] + evidence.radii[rival]),
                "is_beaten": bool(evidence.beaten[rival]),
                "is_equivalent": bool(evidence.equivalent[rival]),
            }
            for rival in evidence.rivals.tolist()
        ]
    return told


def _has_answer(evidence: dict[str, Any]) -> bool:
    fewest = min(evidence["votes_by_language"].values(), default=0)
    return evidence["answer"] is not None and fewest >= evidence["votes_per_language"]


def _may_stop(round_: Round, looked_by: DecisionRules) -> bool:
    """Tell whether a round stops early, is open, and has not stopped.

    An admin may have changed the rules during the look, and a stop is for good: then the next look
    says whether there is an answer by the new ones.
    """
    rules = DecisionRules.objects.select_for_update(no_key=True).filter(run=round_.run_id).first()
    if rules is None or any(getattr(rules, name) != getattr(looked_by, name) for name in STOP_BY):
        return False
    is_stopped = Stop.objects.filter(round=round_).exists()
    return rules.stops_early and round_.closed_at is None and not is_stopped


def _stop(round_: Round, estimate: RoundEstimate) -> None:
    """Write that a round has its answer, and have its run go on."""
    Stop.objects.create(
        round=round_,
        reason=estimate.evidence["answer"],
        cutoff=estimate.through,
        n_votes=estimate.n_votes,
        evidence=estimate.evidence,
    )
    queue.defer_once("advance_run", queue="default", run_id=round_.run_id)
