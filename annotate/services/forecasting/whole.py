"""A plan's forecast, put together."""

from dataclasses import asdict, dataclass
from typing import Any

from annotate.services.forecasting.amounts import Amount, add_up
from annotate.services.forecasting.lengths import (
    Asked,
    count_asked,
    foretell_prompts,
    foretell_replies,
)
from annotate.services.forecasting.speed import foretell_minutes
from annotate.services.forecasting.votes import VoteForecast, foretell_votes
from annotate.services.launching import CandidateDraft, asked_prompts, resolve_candidates
from annotate.services.plans import Plan


@dataclass(frozen=True)
class CandidateForecast:
    """What one candidate will be asked for."""

    name: str
    completions: int
    prompt_tokens: Amount
    completion_tokens: Amount
    gpu_minutes: Amount


@dataclass(frozen=True)
class Forecast:
    """What a plan will cost.

    Attributes:
        prompts: that the first round asks, by language.
        prompt_tokens: read in all, every turn anew.
        gpu_minutes: of processes, each GPU that one takes counted.
        judge_calls: of all judges and rounds at most; each pair is read in both orders.
        by_candidate: in the plan's order.
    """

    candidates: int
    prompts: dict[str, int]
    completions: int
    prompt_tokens: Amount
    completion_tokens: Amount
    gpu_minutes: Amount
    votes: VoteForecast
    judge_calls: int
    by_candidate: tuple[CandidateForecast, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON types."""
        return asdict(self)


def forecast(plan: Plan) -> Forecast:
    """Foretell what a plan that `read_plan` gave will take, by what is in the database now."""
    asked = count_asked(asked_prompts(plan))
    drafts = resolve_candidates(plan)
    by_candidate = _foretell_all(plan, drafts, asked)
    judged = len(plan.judges.slugs) * plan.judges.comparisons * plan.rounds.at_most
    return Forecast(
        candidates=len(drafts),
        prompts={each.language: each.n_prompts for each in asked},
        completions=sum(each.completions for each in by_candidate),
        prompt_tokens=add_up(each.prompt_tokens for each in by_candidate),
        completion_tokens=add_up(each.completion_tokens for each in by_candidate),
        gpu_minutes=add_up(each.gpu_minutes for each in by_candidate),
        votes=foretell_votes(plan, len(drafts)),
        judge_calls=2 * judged,
        by_candidate=tuple(by_candidate),
    )


def _foretell_all(
    plan: Plan, drafts: list[CandidateDraft], asked: list[Asked]
) -> list[CandidateForecast]:
    """Foretell each candidate; those that differ in draws alone are measured once."""
    known: dict[str, tuple[Amount, Amount, Amount]] = {}
    found = []
    for draft in drafts:
        key = repr((draft.model, draft.engine, draft.engine_options, draft.preset,
                    draft.system_prompts, draft.sampling["max_tokens"]))  # fmt: skip
        if key not in known:
            known[key] = _foretell(plan, draft, asked)
        found.append(CandidateForecast(draft.name, _count(plan, asked), *known[key]))
    return found


def _foretell(
    plan: Plan, draft: CandidateDraft, asked: list[Asked]
) -> tuple[Amount, Amount, Amount]:
    replies = foretell_replies(draft, asked, plan.prompts.samples)
    prompts = foretell_prompts(draft, asked, plan.prompts.samples)
    minutes = foretell_minutes(
        draft, replies, n_completions=_count(plan, asked), n_shards=plan.generation.shards
    )
    return prompts, replies, minutes


def _count(plan: Plan, asked: list[Asked]) -> int:
    """Count the completions of one candidate."""
    return sum(each.n_prompts for each in asked) * plan.prompts.samples
