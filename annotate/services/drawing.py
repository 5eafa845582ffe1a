"""Which comparison an annotator is given next, or why there is none.

Nothing here is stored: `voting` saves what was drawn, while it holds the annotator.
"""

from collections import Counter
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.models import (
    Annotator,
    Comparison,
    Completion,
    Exclusion,
    GoldPair,
    RatingRules,
    Round,
    SelectionRun,
)
from annotate.models.comparisons import Outcome, Purpose, Side
from annotate.ranking.pairing import order_pairs
from annotate.services import errors
from annotate.services.languages import language_name, primary_subtag

REPEAT_AFTER = 5  # comparisons that should lie between a pair and its repetition


def draw_comparison(
    *, round_: Round, annotator: Annotator, rules: RatingRules, rng: np.random.Generator
) -> Comparison:
    """Draw a pair that ranks candidates; at the run's rates a known or a repeated one instead.

    Raises:
        NothingLeft: no pair that ranks candidates is left; the subclass says why.
    """
    chance = rng.random()
    drawn = _draw_for_ranking(round_, annotator, rules, rng)
    if annotator.kind != Annotator.Kind.PERSON:
        return drawn
    if chance < rules.gold_rate:
        return _draw_gold(round_, annotator, rules, rng) or drawn
    if chance < rules.gold_rate + rules.repeat_rate:
        return _draw_repeat(round_, annotator, rules, rng) or drawn
    return drawn


def draw_practice(
    *, round_: Round, annotator: Annotator, rules: RatingRules, rng: np.random.Generator
) -> Comparison | None:
    """Give the next practice pair, in the order that the run sets; None after the last."""
    done = Q(answered_at__isnull=False) | Q(round=round_)
    practised = Comparison.objects.filter(
        done, annotator=annotator, purpose=Purpose.PRACTICE, gold=OuterRef("pk")
    )
    known = _known_pairs(round_.run, annotator, rules, Purpose.PRACTICE).filter(~Exists(practised))
    pair = known.order_by("position", "id").first()
    return None if pair is None else _show_known(pair, round_, annotator, rng)


def list_practice(
    *, run: SelectionRun, annotator: Annotator, rules: RatingRules
) -> "QuerySet[GoldPair]":
    """Find the pairs of the run on which the annotator is to practise."""
    return _known_pairs(run, annotator, rules, Purpose.PRACTICE)


def may_be_shown(*, annotator: Annotator, rules: RatingRules) -> Q:
    """Give what must hold for comparisons that were drawn for the annotator earlier."""
    return (
        _is_fit(rules, "completion_a")
        & _is_fit(rules, "completion_b")
        & _is_read_by(annotator, "prompt__language")
    )


def _draw_for_ranking(
    round_: Round, annotator: Annotator, rules: RatingRules, rng: np.random.Generator
) -> Comparison:
    """Draw a pair that the annotator has not seen, of the candidates that met least often."""
    candidates = sorted(round_.candidates.values_list("id", flat=True))
    pairs = _pairs_by_exposure(round_, candidates, rng)
    unseen = _unseen(round_, candidates, annotator, rules)
    readable = unseen.filter(_is_read_by(annotator, "prompt__language"))
    found = _least_compared(round_, readable, pairs[0], rng) if pairs else None
    if found is None:
        # Which pairs of candidates have anything left is asked once, and not pair by pair.
        left = set(readable.values_list("candidate", "rival_candidate").distinct())
        rest = [pair for pair in pairs if pair in left]
        found = _least_compared(round_, readable, rest[0], rng) if rest else None
    if found is None:
        raise _why_nothing_is_left(round_, annotator, unseen)
    completions = Completion.objects.select_related("prompt").in_bulk(found)
    a, b = (completions[pk] for pk in found)
    return _pair_up(a, b, round_, annotator, side_a=_draw_side(rng))


def _pairs_by_exposure(
    round_: Round, candidates: list[int], rng: np.random.Generator
) -> list[tuple[int, int]]:
    """List the pairs of candidates, those that met least often first."""
    exposures = _exposures(round_, candidates)
    if round_.votes_wanted is not None and exposures.sum() // 2 >= round_.votes_wanted:
        raise errors.VotesComplete(_("This round has all the votes that it wanted."))
    return [(candidates[i], candidates[j]) for i, j in order_pairs(exposures=exposures, rng=rng)]


def _exposures(round_: Round, candidates: list[int]) -> np.ndarray:
    """Count the answered and leased comparisons of each pair of candidates: (n, n), symmetric.

    Those of annotators who are excluded are no votes that anybody wanted.
    """
    position = {candidate: index for index, candidate in enumerate(candidates)}
    exposures = np.zeros((len(candidates), len(candidates)), dtype=np.int64)
    excluded = Exclusion.objects.standing().filter(run=round_.run_id)
    counted = (
        round_.comparisons.taken(timezone.now())
        .filter(~Q(annotator__in=excluded.values("annotator")), purpose=Purpose.RANKING)
        .values_list("candidate_a", "candidate_b")
        .annotate(n=Count("id"))
    )
    for a, b, n in counted:
        if a in position and b in position:
            exposures[position[a], position[b]] = exposures[position[b], position[a]] = n
    return exposures


def _unseen(
    round_: Round, candidates: list[int], annotator: Annotator, rules: RatingRules
) -> "QuerySet[Any]":
    """Find pairs of the round's completions, in any language, that the annotator has not seen.

    Each row is a completion a, with completion b as `rival_id` and b's candidate as
    `rival_candidate`. Equal texts are no pair: there is nothing to prefer.
    """
    seen = Comparison.objects.filter(
        annotator=annotator, completion_a=OuterRef("pk"), completion_b=OuterRef("rival_id")
    )
    pairs = (
        Completion.objects.filter(candidate__in=candidates, prompt__in=round_.prompts())
        .annotate(
            rival=FilteredRelation(
                "prompt__completions", condition=Q(prompt__completions__candidate__in=candidates)
            ),
            rival_id=F("rival__id"),
            rival_candidate=F("rival__candidate"),
            rival_digest=F("rival__text_digest"),
            rival_names_maker=F("rival__names_maker"),
        )
        .filter(_is_fit(rules, "pk"), ~Q(rival_id__in=_hidden()), ~Exists(seen))
        .filter(rival_candidate__gt=F("candidate"))
        .exclude(rival_digest=F("text_digest"))
    )
    return pairs.filter(rival_names_maker="") if rules.leaves_out_maker_names else pairs


def _least_compared(
    round_: Round, unseen: "QuerySet[Any]", pair: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int] | None:
    """Choose among the pairs of completions by two candidates, and give their ids.

    The prompt on which the two met least often comes first, and of its samples those that met
    least often. Counted here and not by subqueries: those took 0.5 s with 20,000 votes.
    """
    candidate_a, candidate_b = pair
    of_two = unseen.filter(candidate=candidate_a, rival_candidate=candidate_b)
    rows = list(of_two.order_by("id", "rival_id").values_list("id", "rival_id", "prompt"))
    if not rows:
        return None
    taken = round_.comparisons.taken(timezone.now()).filter(
        candidate_a=candidate_a, candidate_b=candidate_b, purpose=Purpose.RANKING
    )
    met = list(taken.values_list("completion_a", "completion_b", "prompt"))
    on_prompt = Counter(prompt for _a, _b, prompt in met)
    of_samples = Counter((a, b) for a, b, _prompt in met)
    times = [(on_prompt[prompt], of_samples[a, b]) for a, b, prompt in rows]
    fewest = min(times)
    least = [row for row, n_times in zip(rows, times, strict=True) if n_times == fewest]
    a, b, _prompt = least[rng.integers(len(least))]
    return a, b


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
    return errors.NothingToCompare(_("No two candidates have answered the same prompt yet."))


def _draw_gold(
    round_: Round, annotator: Annotator, rules: RatingRules, rng: np.random.Generator
) -> Comparison | None:
    """Draw a pair whose right answer is known; None where the annotator has seen them all."""
    seen = Comparison.objects.filter(
        annotator=annotator,
        completion_a=OuterRef("completion_a"),
        completion_b=OuterRef("completion_b"),
    )
    known = _known_pairs(round_.run, annotator, rules, Purpose.GOLD).filter(~Exists(seen))
    pair = _draw_one(known, rng)
    return None if pair is None else _show_known(pair, round_, annotator, rng)


def _draw_repeat(
    round_: Round, annotator: Annotator, rules: RatingRules, rng: np.random.Generator
) -> Comparison | None:
    """Draw an answered pair to show again with its sides swapped; None where there is none.

    It lies at least `REPEAT_AFTER` comparisons back; while there are not so many, the first one
    alone may come again, once another was judged after it.
    """
    judged = annotator.comparisons.judged().filter(round=round_)
    ids = list(judged.order_by("-id").values_list("id", flat=True))
    gap = min(REPEAT_AFTER, max(len(ids) - 1, 1))
    again = Comparison.objects.filter(
        may_be_shown(annotator=annotator, rules=rules),
        pk__in=ids[gap:],
        purpose=Purpose.RANKING,
        repeated_as=None,
    ).select_related("completion_a__prompt", "completion_b")
    first = _draw_one(again, rng)
    if first is None:
        return None
    return _pair_up(
        first.completion_a,
        first.completion_b,
        round_,
        annotator,
        purpose=Purpose.REPEAT,
        repeats=first,
        side_a=Side.RIGHT if first.side_a == Side.LEFT else Side.LEFT,
    )


def _known_pairs(
    run: SelectionRun, annotator: Annotator, rules: RatingRules, use: Purpose
) -> "QuerySet[GoldPair]":
    """Find the run's pairs with a known answer that the annotator can read, and can give."""
    offered = {Outcome.TIE: rules.offers_tie, Outcome.BOTH_BAD: rules.offers_both_bad}
    return (
        GoldPair.objects.filter(
            _is_fit(rules, "completion_a"),
            _is_fit(rules, "completion_b"),
            _is_read_by(annotator, "completion_a__prompt__language"),
            run=run,
            use=use,
            retired_at=None,
        )
        .exclude(outcome__in=[outcome for outcome, is_offered in offered.items() if not is_offered])
        .select_related("completion_a__prompt", "completion_b")
    )


def _show_known(
    pair: GoldPair, round_: Round, annotator: Annotator, rng: np.random.Generator
) -> Comparison:
    return _pair_up(
        pair.completion_a,
        pair.completion_b,
        round_,
        annotator,
        purpose=Purpose(pair.use),
        gold=pair,
        side_a=_draw_side(rng),
    )


def _pair_up(
    a: Completion, b: Completion, round_: Round, annotator: Annotator, **fields: Any
) -> Comparison:
    return Comparison(
        round=round_,
        annotator=annotator,
        prompt=a.prompt,
        candidate_a_id=a.candidate_id,
        candidate_b_id=b.candidate_id,
        completion_a=a,
        completion_b=b,
        **fields,
    )


def _draw_side(rng: np.random.Generator) -> Side:
    return Side.LEFT if rng.random() < 0.5 else Side.RIGHT


def _draw_one(rows: "QuerySet[Any]", rng: np.random.Generator) -> Any:
    ids = list(rows.order_by("id").values_list("id", flat=True))
    return rows.get(pk=int(rng.choice(ids))) if ids else None


def _hidden() -> "QuerySet[Completion, Any]":
    return Completion.objects.hidden().values("pk")


def _is_fit(rules: RatingRules, completion: str) -> Q:
    """Keep out what was reported, and where the run says so what names its maker."""
    prefix = "" if completion == "pk" else f"{completion}__"
    fit = ~Q(**{f"{completion}__in": _hidden()})
    return fit & Q(**{f"{prefix}names_maker": ""}) if rules.leaves_out_maker_names else fit


def _is_read_by(annotator: Annotator, language: str) -> Q:
    """Keep prompts in the annotator's languages; who was never asked gets them all."""
    if annotator.kind == Annotator.Kind.SIMULATED or not annotator.languages:
        return Q()
    subtags = sorted({primary_subtag(tag) for tag in annotator.languages})
    plain = Q(**{f"{language}__in": subtags})
    return reduce(
        or_, (Q(**{f"{language}__startswith": f"{subtag}-"}) for subtag in subtags), plain
    )
