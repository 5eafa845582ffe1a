"""Which comparison an annotator is given next, or why there is none.

Nothing here is stored: `voting` saves what was drawn, while it holds the annotator.
"""

from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from annotate.models import (
    Annotator,
    Comparison,
    Completion,
    GoldPair,
    RatingRules,
    Round,
    SelectionRun,
)
from annotate.models.comparisons import Outcome, Purpose
from annotate.ranking.arrays import BoolArray
from annotate.ranking.pairing import Drawn, Policy, draw_pair
from annotate.services import checks, counted, errors, matches, matching, texts
from annotate.services.fields import Field, read_field
from annotate.services.languages import language_name
from annotate.services.ledger import hold_end
from annotate.services.pairing import RoundNow, as_judge
from annotate.services.texts import draw_side, pair_up

# Pairs that others are given at this moment; whoever has met with so many waits for the next.
MOST_PASSED_OVER = 8
# Votes before a round has all that it wants from which on volunteers draw one after another: more
# than there can be who draw at once, for each has a connection to the database.
NEARLY_COMPLETE = 200
# And so many times what was drawn in the last seconds, of which a process may not know a part.
PACE = 2


def draw_comparison(*, now: RoundNow, annotator: Annotator, rng: np.random.Generator) -> Comparison:
    """Draw a pair that ranks candidates; at the run's rates a known or a repeated one instead.

    Raises:
        NothingLeft: no pair that ranks candidates is left; the subclass says why.
    """
    chance = rng.random()
    rules = now.rules
    drawn, field = _draw_for_ranking(now, annotator, rng)
    if annotator.kind != Annotator.Kind.PERSON:
        return drawn
    # Where nothing but the last prompt is left, it comes again in whatever way.
    avoid = None if drawn.prompt_id == field.last_prompt else field.last_prompt
    if chance < rules.gold_rate:
        return checks.draw_known(now, annotator, field.seen, avoid, rng) or drawn
    if chance < rules.gold_rate + rules.repeat_rate:
        return checks.draw_again(now, annotator, avoid, rng) or drawn
    return drawn


def tell_pause() -> errors.RunPaused:
    """Say to volunteers that a run is paused."""
    return errors.RunPaused(_("This run is paused. It goes on soon; your votes are kept."))


def tell_end(run: SelectionRun) -> errors.NothingLeft:
    """Say to volunteers how a closed run has ended."""
    if run.cancelled_at is not None:
        return errors.RunCancelled(
            _("This run was ended before it came to a decision. Your votes are kept.")
        )
    return errors.RunClosed(_("This run has ended."))


def draw_practice(
    *, round_: Round, annotator: Annotator, rules: RatingRules, rng: np.random.Generator
) -> Comparison | None:
    """Give the next practice pair, in the order that the run sets; None after the last."""
    done = Q(answered_at__isnull=False) | Q(round=round_)
    practised = Comparison.objects.filter(
        done, annotator=annotator, purpose=Purpose.PRACTICE, gold=OuterRef("pk")
    )
    known = list_practice(run=round_.run, annotator=annotator, rules=rules)
    pair = known.filter(~Exists(practised)).order_by("position", "id").first()
    if pair is None:
        return None
    return pair_up(
        pair.completion_a,
        pair.completion_b,
        round_,
        annotator,
        purpose=Purpose.PRACTICE,
        gold=pair,
        side_a=draw_side(rng),
    )


def list_practice(
    *, run: SelectionRun, annotator: Annotator, rules: RatingRules
) -> "QuerySet[GoldPair]":
    """Find the pairs of the run on which the annotator is to practise.

    They can read them, and can give the answer that is right.
    """
    offered = {Outcome.TIE: rules.offers_tie, Outcome.BOTH_BAD: rules.offers_both_bad}
    return (
        GoldPair.objects.filter(
            matching.is_fit(rules, "completion_a"),
            matching.is_fit(rules, "completion_b"),
            matching.in_languages_of(annotator, "completion_a__prompt__language"),
            run=run,
            use=Purpose.PRACTICE,
            retired_at=None,
        )
        .exclude(outcome__in=[outcome for outcome, is_offered in offered.items() if not is_offered])
        .select_related("completion_a__prompt", "completion_b")
    )


def may_be_shown(*, annotator: Annotator, rules: RatingRules) -> Q:
    """Give what must hold for comparisons that were drawn for the annotator earlier."""
    return (
        matching.is_fit(rules, "completion_a")
        & matching.is_fit(rules, "completion_b")
        & matching.in_languages_of(annotator, "prompt__language")
    )


def _draw_for_ranking(
    now: RoundNow, annotator: Annotator, rng: np.random.Generator
) -> tuple[Comparison, Field]:
    """Draw a pair that the annotator has not seen; give it with those among which it was.

    A round's answer and budget are people's: an LLM judge has a number of its own.

    The policy draws two candidates, as if all were to be had that seem to be. Where nothing of
    theirs is left it draws again, among those of whom something is.
    """
    if now.round.run.paused_at is not None:
        raise tell_pause()
    judge = as_judge(annotator)
    if now.is_decided and judge is None:
        raise errors.RoundDecided(
            _("This round has its answer: no more votes are needed. Thank you for yours.")
        )
    field = read_field(now, annotator)
    wanted = now.round.votes_wanted
    nearly = NEARLY_COMPLETE + PACE * field.n_lately
    if wanted is not None and judge is None and field.n_taken >= wanted - nearly:
        hold_end(now.round)
        field = read_field(now, annotator, at_once=True)
    if wanted is not None and judge is None and field.n_taken >= wanted:
        raise errors.VotesComplete(_("This round has all the votes that it wanted."))
    last = field.last_prompt
    found = _match(now, annotator, field, _draw_two(now, field, field.allowed, rng), last, rng)
    if found is None:
        field = read_field(now, annotator, at_once=True)
        left = _readable(now, annotator, now.candidates)
        elsewhere, anywhere = matching.pairs_left(left, last)
        allowed = field.allow_only(elsewhere or anywhere)
        drawn = _draw_two(now, field, allowed, rng)
        found = _match(now, annotator, field, drawn, last if elsewhere else None, rng)
    if found is None:
        unseen = matching.find_unseen(now.round, now.candidates, annotator, now.rules)
        raise _why_nothing_is_left(now.round, annotator, unseen)
    return found, field


def _draw_two(
    now: RoundNow, field: Field, allowed: BoolArray | None, rng: np.random.Generator
) -> Drawn | None:
    """Draw two candidates by the run's policy, as their places in the round."""
    return draw_pair(
        policy=Policy(now.decision.policy),
        met=field.met,
        candidate_met=field.candidate_met,
        chances=field.chances,
        epsilon=now.decision.epsilon,
        warm_up=now.decision.warm_up,
        allowed=allowed,
        rng=rng,
    )


def _match(
    now: RoundNow,
    annotator: Annotator,
    field: Field,
    drawn: Drawn | None,
    avoid: int | None,
    rng: np.random.Generator,
) -> Comparison | None:
    """Make a comparison of two candidates who were drawn; None where nothing of theirs is left."""
    if drawn is None:
        return None
    two = now.candidates[drawn.first], now.candidates[drawn.second]
    judge = as_judge(annotator)
    if judge is not None:
        found = matching.choose_for_judge(
            _readable(now, annotator, two),
            now.round,
            field,
            votes_per_pair=now.decision.votes_per_pair,
            avoid=avoid,
            rng=rng,
            judge=judge,
        )
        pair = None if found is None else texts.take_two(*found, waits=True)
        at_most = None
    else:
        pair, at_most = _take(now, annotator, field, two, avoid, rng)
    if pair is None:
        return None
    comparison = pair_up(
        *pair, now.round, annotator, side_a=draw_side(rng), propensity=drawn.propensity
    )
    comparison.given_at_most = at_most
    return comparison


def _take(
    now: RoundNow,
    annotator: Annotator,
    field: Field,
    two: tuple[int, int],
    avoid: int | None,
    rng: np.random.Generator,
) -> tuple[tuple[Completion, Completion] | None, int | None]:
    """Choose two texts that nobody else is given at this moment, and read them.

    Returns:
        The completions, None where nothing is left; and how many may be given the two: as many as
        the run asks for, until all of these candidates' have been.
    """
    enough, without = now.decision.votes_per_pair, set[tuple[int, int]]()
    read_within_s = matches.FRESH_S
    while True:
        chosen = texts.choose_two(
            now,
            two,
            field,
            annotator,
            avoid=avoid,
            without=without,
            rng=rng,
            read_within_s=read_within_s,
        )
        if chosen is None:
            return None, None
        # All have been given as often as asked, unless some have become free again.
        is_behind = chosen.age_s >= counted.ANEW_S and read_within_s > counted.ANEW_S
        if chosen.n_met >= enough and is_behind:
            read_within_s = counted.ANEW_S
            continue
        pair = texts.take_two(chosen.a, chosen.b, waits=len(without) >= MOST_PASSED_OVER)
        if pair is not None:
            return pair, enough if chosen.n_met < enough else None
        without.add((chosen.a, chosen.b))


def _readable(now: RoundNow, annotator: Annotator, candidates: tuple[int, ...]) -> "QuerySet[Any]":
    unseen = matching.find_unseen(now.round, candidates, annotator, now.rules)
    return unseen.filter(matching.in_languages_of(annotator, "prompt__language"))


def _why_nothing_is_left(
    round_: Round, annotator: Annotator, unseen: "QuerySet[Any]"
) -> errors.NothingLeft:
    """Say why the annotator gets no pair, and what would change that."""
    waiting = unseen.order_by().values_list("prompt__language", flat=True).distinct()
    if names := sorted({language_name(tag) for tag in waiting}):
        return errors.NotYourLanguage(
            _(
                "Nothing is left in your languages. More waits in: %(languages)s. If you read it,"
                " add it to yours."
            )
            % {"languages": _(", ").join(names)}
        )
    if annotator.comparisons.filter(round=round_).exclude(purpose=Purpose.PRACTICE).exists():
        return errors.AllSeen(_("You have judged every pair of this round."))
    return errors.NothingToCompare(_("There is nothing to compare in this round now."))
