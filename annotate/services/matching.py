"""Which two completions, once it is known of which two candidates."""

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from django.contrib.postgres.aggregates import BoolOr
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, QuerySet

from annotate.models import Annotator, Comparison, Completion, RatingRules, Round
from annotate.services.fields import Field
from annotate.services.languages import primary_subtag
from annotate.services.pairing import Cell, taken_for_ranking


class Stage(IntEnum):
    """How far two completions have come towards the votes that the run wants on each such pair."""

    BEGUN = 0
    NEW = 1
    FULL = 2


def find_unseen(
    round_: Round, candidates: Iterable[int], annotator: Annotator, rules: RatingRules
) -> "QuerySet[Any]":
    """Find pairs of the candidates' completions, in any language, that the annotator has not seen.

    Each row is a completion a, with completion b as `rival_id` and b's candidate as
    `rival_candidate`. Equal texts are no pair: there is nothing to prefer. Where newcomers meet
    anchors alone, one of the two is an anchor.
    """
    seen = Comparison.objects.filter(
        annotator=annotator, completion_a=OuterRef("pk"), completion_b=OuterRef("rival_id")
    )
    among = tuple(candidates)
    pairs = (
        Completion.objects.filter(candidate__in=among, prompt__in=round_.prompts())
        .annotate(
            rival=FilteredRelation(
                "prompt__completions", condition=Q(prompt__completions__candidate__in=among)
            ),
            rival_id=F("rival__id"),
            rival_candidate=F("rival__candidate"),
            rival_digest=F("rival__text_digest"),
            rival_names_maker=F("rival__names_maker"),
        )
        .filter(is_fit(rules, "pk"), ~Q(rival_id__in=hidden()), ~Exists(seen))
        .filter(rival_candidate__gt=F("candidate"))
        .exclude(rival_digest=F("text_digest"))
    )
    if round_.anchors_only:
        anchors = round_.candidates.filter(is_anchor=True).values("pk")
        one, other = Q(candidate__in=anchors), Q(rival_candidate__in=anchors)
        pairs = pairs.filter(one & ~other | ~one & other)
    return pairs.filter(rival_names_maker="") if rules.leaves_out_maker_names else pairs


def pairs_left(
    readable: "QuerySet[Any]", last_prompt: int | None
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """List the pairs of candidates with anything left: on another prompt than the last, and all."""
    rows = (
        readable.order_by()
        .values("candidate", "rival_candidate")
        .annotate(is_elsewhere=BoolOr(~Q(prompt=last_prompt)))
        .values_list("candidate", "rival_candidate", "is_elsewhere")
    )
    left = list(rows)
    return [(a, b) for a, b, is_elsewhere in left if is_elsewhere], [(a, b) for a, b, _ in left]


def choose_for_judge(
    readable: "QuerySet[Any]",
    round_: Round,
    field: Field,
    *,
    votes_per_pair: int,
    avoid: int | None,
    rng: np.random.Generator,
    judge: Annotator,
) -> tuple[int, int] | None:
    """Choose among the pairs of completions by two candidates as `texts.choose_two` does.

    Those that people have judged come first, so that the two can be compared; balance is kept
    among the judge's own.

    Args:
        readable: of these two candidates only, from `find_unseen`.
        avoid: id of a prompt that is not to be shown; None where any may be.
    """
    rows = readable.exclude(prompt=avoid).order_by("id", "rival_id")
    columns = ("id", "rival_id", "prompt", "prompt__language", "prompt__category")
    left = list(rows.values_list(*columns, "candidate", "rival_candidate"))
    if not left:
        return None
    met = _Met(round_, candidate_a=left[0][5], candidate_b=left[0][6], judge=judge)
    keys = [
        met.order(a, b, prompt, (language, category), field.cells, votes_per_pair)
        for a, b, prompt, language, category, *_candidates in left
    ]
    fewest = min(keys)
    least = [row for row, key in zip(left, keys, strict=True) if key == fewest]
    a, b, *_rest = least[rng.integers(len(least))]
    return a, b


class _Met:
    """How often two candidates have met in a round: on what, and by which samples."""

    def __init__(
        self, round_: Round, *, candidate_a: int, candidate_b: int, judge: Annotator
    ) -> None:
        two = {"candidate_a": candidate_a, "candidate_b": candidate_b}
        taken = (
            taken_for_ranking(round_, judge=judge)
            .filter(**two)
            .order_by()
            .values("completion_a", "completion_b", "prompt")
            .annotate(n=Count("id"))
        )
        by_people = taken_for_ranking(round_).filter(**two)
        # Of pairs that people have judged a judge lacks its own view, however many they judged.
        self.awaited = set(by_people.values_list("completion_a", "completion_b"))
        self.of_two: Counter[tuple[int, int]] = Counter()
        self.uses: Counter[int] = Counter()
        self.on_prompt: Counter[int] = Counter()
        self.in_cell: Counter[Cell] = Counter()
        rows = taken.values_list(
            "completion_a", "completion_b", "prompt", "prompt__language", "prompt__category", "n"
        )
        for a, b, prompt, language, category, n in rows:
            self.of_two[a, b] += n
            self.uses[a] += n
            self.uses[b] += n
            self.on_prompt[prompt] += n
            self.in_cell[language, category] += n

    def order(
        self, a: int, b: int, prompt: int, cell: Cell, of_round: Counter[Cell], votes_per_pair: int
    ) -> tuple[int, ...]:
        """Give what is least for the two completions that come next."""
        n = self.of_two[a, b]
        stage = Stage.NEW if n == 0 else Stage.BEGUN if n < votes_per_pair else Stage.FULL
        stage = Stage.BEGUN if (a, b) in self.awaited else stage
        return (
            stage,
            n if stage == Stage.FULL else 0,
            self.in_cell[cell],
            of_round[cell],
            self.on_prompt[prompt],
            self.uses[a] + self.uses[b],
        )


def hidden() -> "QuerySet[Completion, Any]":
    """Find the completions that were reported, until an admin has looked."""
    return Completion.objects.hidden().values("pk")


def is_fit(rules: RatingRules, completion: str) -> Q:
    """Keep out what was reported, and where the run says so what names its maker."""
    prefix = "" if completion == "pk" else f"{completion}__"
    fit = ~Q(**{f"{completion}__in": hidden()})
    return fit & Q(**{f"{prefix}names_maker": ""}) if rules.leaves_out_maker_names else fit


def in_languages_of(annotator: Annotator, language: str) -> Q:
    """Keep prompts in the annotator's languages; who was never asked gets them all."""
    if annotator.kind == Annotator.Kind.SIMULATED or not annotator.languages:
        return Q()
    subtags = sorted({primary_subtag(tag) for tag in annotator.languages})
    plain = Q(**{f"{language}__in": subtags})
    return reduce(
        or_, (Q(**{f"{language}__startswith": f"{subtag}-"}) for subtag in subtags), plain
    )
