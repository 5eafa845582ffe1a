"""A run in which judges have read and voted, as pages show it."""

from typing import Any

from annotate.models import (
    Comparison,
    Completion,
    Judge,
    JudgeReading,
    JudgeScore,
    JudgeSitting,
    JudgeTemplate,
    Round,
)
from tests import factories as make

REPLIES = {
    "a": "A answers the question, and B does not.\n[[A]]",
    "b": "The second reply is in better Japanese.\n[[B]]",
    "tie": "Both say the same.\n[[TIE]]",
    "unreadable": "I would rather not say.",
}


def make_judge(slug: str, **fields: object) -> Judge:
    """Make a judge of pairs that no test runs."""
    template, _is_new = JudgeTemplate.objects.get_or_create(
        name="pair", version=1, defaults={"use": "pair", "texts": {}}
    )
    plain = {"model": "org/judge-7b", "engine": "vllm", "prompt_format": "chat_template",
             "template": template}  # fmt: skip
    annotator = make.make_annotator(kind="judge", name=slug)
    return Judge.objects.create(slug=slug, annotator=annotator, **plain | fields)


def let_judge(judge: Judge, round_: Round, said: str, *, n_wanted: int | None = None) -> None:
    """Let a judge read the pairs of the first two candidates, prompt after prompt.

    `said` is its vote on each: a, b, t (a draw, by two readings that differ) or x (unreadable).
    """
    round_.run.judges.add(judge)
    wanted = len(said) if n_wanted is None else n_wanted
    JudgeSitting.objects.create(judge=judge, round=round_, n_wanted=wanted, state="done")
    for prompt, letter in zip(round_.run.prompts().order_by("id"), said, strict=False):
        first, second = prompt.completions.order_by("candidate")[:2]
        comparison = make.make_comparison(first, second, round_=round_, annotator=judge.annotator)
        ab, ba = {"a": ("a", "a"), "b": ("b", "b"), "t": ("a", "b"), "x": ("a", "unreadable")}[
            letter
        ]
        for order, verdict in (("ab", ab), ("ba", ba)):
            shown = {"a": "b", "b": "a"}.get(verdict, verdict) if order == "ba" else verdict
            JudgeReading.objects.create(
                judge=judge, comparison=comparison, order=order, verdict=verdict,
                reply=REPLIES[shown], seed=1,
            )  # fmt: skip
        if letter == "x":
            Comparison.objects.filter(pk=comparison.pk).update(
                skipped_at=comparison.created_at, skip_reason="cannot_judge"
            )
        else:
            make.make_vote(comparison, {"t": "tie"}.get(letter, letter))


def make_scorer(slug: str = "scorer", **fields: Any) -> Judge:
    template, _is_new = JudgeTemplate.objects.get_or_create(name="score", use="score", texts={})
    plain = {"model": "m", "engine": "openai", "prompt_format": "chat_template"}
    annotator = make.make_annotator(kind="judge", name=slug)
    return Judge.objects.create(slug=slug, annotator=annotator, template=template, **plain | fields)


def score(judge: Judge, completion: Completion, *scores: float | None, **fields: Any) -> None:
    """Score each turn of a completion."""
    for turn, value in enumerate(scores, start=1):
        JudgeScore.objects.create(
            judge=judge, completion=completion, turn=turn, score=value,
            **{"choice": 0, "seed": 1} | fields,
        )  # fmt: skip
