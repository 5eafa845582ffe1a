"""Give a volunteer the next comparison, and keep the vote."""

import random
import uuid
from datetime import timedelta

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Random
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import Annotator, Comparison, Completion, Round, User, Vote
from annotate.ranking.pairing import order_pairs
from annotate.services import errors, ledger

CHOICES = ("left", "right", "tie", "both_bad")


def annotator_of(*, user: User) -> Annotator:
    """Give the annotator who votes under this account; the first visit makes it."""
    annotator = Annotator.objects.filter(user=user).first()
    if annotator is None:
        name = user.get_username()
        if Annotator.objects.filter(source="", name=name).exists():
            name = f"{name} ({user.pk})"  # votes of an earlier account stand under the name
        annotator, _created = Annotator.objects.get_or_create(
            user=user, defaults={"kind": Annotator.Kind.PERSON, "name": name}
        )
    return annotator


def lease_comparison(*, round_: Round, annotator: Annotator) -> Comparison:
    """Give the annotator's open comparison, or draw the next and lease it for `LEASE_S` seconds.

    Raises:
        RoundClosed: the round is not open.
        NothingLeft: there is nothing to give; the subclass says why.
    """
    if not round_.is_open:
        raise errors.RoundClosed(_("This round takes no votes."))
    with transaction.atomic():
        # Two tabs of one annotator may ask at once: the second waits here, then finds the
        # comparison that the first was given.
        Annotator.objects.select_for_update().get(pk=annotator.pk)
        comparison = annotator.comparisons.filter(round=round_).unanswered().order_by("id").first()
        if comparison is None:
            comparison = _draw_comparison(round_, annotator)
        comparison.lease_expires_at = timezone.now() + timedelta(seconds=settings.LEASE_S)
        comparison.save()
    return comparison


def record_vote(*, token: uuid.UUID, annotator: Annotator, choice: str, turn: int = 0) -> Vote:
    """Store what the annotator chose on screen; a repetition returns the vote that stands.

    A lease that has run out does not matter: the vote is there, and it counts.

    Raises:
        ComparisonUnknown: no such comparison was drawn for this annotator.
        RoundClosed: the round has closed, and no vote stands for the comparison.
        ValueError: `choice` is not one of `CHOICES`.
    """
    if choice not in CHOICES:
        raise ValueError(f"choice is {choice!r}; it must be one of {', '.join(CHOICES)}")
    with transaction.atomic():
        comparison = (
            Comparison.objects.select_related("round")
            .select_for_update(of=("self",))
            .filter(token=token, annotator=annotator)
            .first()
        )
        if comparison is None:
            raise errors.ComparisonUnknown(_("This comparison was not drawn for you."))
        standing = comparison.votes.standing().filter(turn=turn).first()
        if standing is not None:
            return standing
        if comparison.round.closed_at is not None:
            raise errors.RoundClosed(_("This round has closed, so the vote was not taken."))
        ledger.hold_ledger(run_id=comparison.round.run_id)
        comparison.answered_at = timezone.now()
        comparison.save(update_fields=["answered_at"])
        return Vote.objects.create(
            comparison=comparison,
            turn=turn,
            outcome=outcome_of(choice=choice, side_a=str(comparison.side_a)),
            created_at=comparison.answered_at,
        )


def withdraw_vote(*, vote: Vote, by: User | None) -> Vote:
    """Take a vote back: it stays in the ledger, and no longer counts from here on."""
    with transaction.atomic():
        vote = Vote.objects.select_for_update().select_related("comparison__round").get(pk=vote.pk)
        if vote.withdrawn_number is not None:
            return vote
        ledger.hold_ledger(run_id=vote.comparison.round.run_id)
        vote.withdrawn_number = ledger.next_number()
        vote.withdrawn_at = timezone.now()
        vote.withdrawn_by = by
        vote.save(update_fields=["withdrawn_number", "withdrawn_at", "withdrawn_by"])
        Comparison.objects.filter(pk=vote.comparison_id).update(answered_at=None)
    return vote


def outcome_of(*, choice: str, side_a: str) -> str:
    """Translate left and right on the screen into a and b."""
    if choice in ("left", "right"):
        return Vote.Outcome.A if choice == side_a else Vote.Outcome.B
    return choice


def _draw_comparison(round_: Round, annotator: Annotator) -> Comparison:
    """Draw a pair that the annotator has not seen, of the candidates that met least often."""
    candidates = sorted(round_.candidates.values_list("id", flat=True))
    exposures = _exposures(round_, candidates)
    if round_.votes_wanted is not None and exposures.sum() // 2 >= round_.votes_wanted:
        raise errors.VotesComplete(_("This round has all the votes that it wanted."))
    for i, j in order_pairs(exposures=exposures, rng=np.random.default_rng()):
        completion = _least_compared(round_, annotator, candidates[i], candidates[j])
        if completion is not None:
            return Comparison(
                round=round_,
                annotator=annotator,
                prompt_id=completion.prompt_id,
                candidate_a_id=candidates[i],
                candidate_b_id=candidates[j],
                completion_a_id=completion.pk,
                completion_b_id=completion.rival_id,  # type: ignore[attr-defined]
                side_a=random.choice(Comparison.Side.values),
            )
    if annotator.comparisons.filter(round=round_).exists():
        raise errors.AllSeen(_("You have judged every pair of this round."))
    raise errors.NothingToCompare(_("No two candidates have answered the same prompt yet."))


def _exposures(round_: Round, candidates: list[int]) -> np.ndarray:
    """Count the answered and leased comparisons of each pair of candidates: (n, n), symmetric."""
    position = {candidate: index for index, candidate in enumerate(candidates)}
    exposures = np.zeros((len(candidates), len(candidates)), dtype=np.int64)
    counted = (
        round_.comparisons.taken(timezone.now())
        .values_list("candidate_a", "candidate_b")
        .annotate(n=Count("id"))
    )
    for a, b, n in counted:
        if a in position and b in position:
            exposures[position[a], position[b]] = exposures[position[b], position[a]] = n
    return exposures


def _least_compared(
    round_: Round, annotator: Annotator, candidate_a: int, candidate_b: int
) -> Completion | None:
    """Find completions of one prompt by a and b (as `rival_id`), new to the annotator.

    The prompt on which these candidates met least often comes first, and of its samples those
    that met least often.
    """
    taken = Comparison.objects.taken(timezone.now()).filter(
        round=round_, candidate_a=candidate_a, candidate_b=candidate_b
    )
    on_prompt = taken.filter(prompt=OuterRef("prompt")).order_by().values("prompt")
    of_pair = taken.filter(completion_a=OuterRef("pk"), completion_b=OuterRef("rival_id"))
    seen = Comparison.objects.filter(
        annotator=annotator, completion_a=OuterRef("pk"), completion_b=OuterRef("rival_id")
    )
    return (
        Completion.objects.filter(candidate=candidate_a, prompt__in=round_.prompts())
        .annotate(
            rival=FilteredRelation(
                "prompt__completions", condition=Q(prompt__completions__candidate=candidate_b)
            ),
            rival_id=F("rival__id"),
        )
        .filter(~Exists(seen), rival_id__isnull=False)
        .order_by(
            Coalesce(Subquery(on_prompt.annotate(n=Count("*")).values("n")), 0),
            Coalesce(
                Subquery(
                    of_pair.order_by().values("completion_a").annotate(n=Count("*")).values("n")
                ),
                0,
            ),
            Random(),
        )
        .first()
    )
