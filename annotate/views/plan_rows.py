"""What the page of a plan tells: candidates, their costs, and what one of their models reads."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.utils.formats import number_format

from annotate.models import Prompt, RunPlan, SelectionRun
from annotate.services import errors
from annotate.services.forecasting import Amount, CandidateForecast, Forecast, forecast
from annotate.services.launching import (
    CandidateDraft,
    asked_prompts,
    read_plan,
    resolve_candidates,
)
from annotate.services.plans import Plan
from annotate.services.previewing import Preview, preview_prompt

PAGE = 50
SIGNIFICANT_DIGITS = 2


@dataclass(frozen=True)
class CandidateRow:
    """A candidate of a plan, by its number from 1, with what it will be asked for."""

    number: int
    draft: CandidateDraft
    sampling: str
    forecast: CandidateForecast | None


@dataclass(frozen=True)
class Looked:
    """A prompt as a candidate's model would get it, or why it cannot be shown.

    Attributes:
        number: of the prompt among all, from 1, in the order of sets and keys.
        turns: how many turns the prompt has.
    """

    candidate: CandidateRow
    prompt: Prompt
    number: int
    n_prompts: int
    preview: Preview | None
    refusal: str

    @property
    def turns(self) -> range:
        """Give the numbers of the prompt's turns."""
        return range(1, len(self.prompt.turns) + 1)


def tell_plan(
    run: SelectionRun, stored: RunPlan, *, asked: Mapping[str, str], is_draft: bool
) -> dict[str, Any]:
    """Give what the page shows of a plan; of one that does not fit any more, its faults.

    Args:
        asked: the address's query: `page` of candidates; `candidate`, `prompt` and `turn` to see.
    """
    try:
        plan = read_plan(stored.config, draft=run) if is_draft else Plan(**stored.config)
        drafts = resolve_candidates(plan)
    except (errors.PlanRefused, ValueError) as refusal:
        return {"faults": getattr(refusal, "faults", [refusal])}
    told = forecast(plan) if is_draft else None
    rows = _list_rows(drafts, told)
    prompts = asked_prompts(plan)
    n_prompts = prompts.count()
    return {
        "plan": plan,
        "forecast": told,
        "numbers": told and _list_numbers(told),
        "rows": rows,
        "page": Paginator(rows, PAGE).get_page(asked.get("page")),
        "n_prompts": n_prompts,
        "looked": _look(rows, prompts, n_prompts, asked),
    }


def _list_rows(drafts: Sequence[CandidateDraft], told: Forecast | None) -> list[CandidateRow]:
    costs: Sequence[CandidateForecast | None] = told.by_candidate if told else [None] * len(drafts)
    return [
        CandidateRow(number, draft, tell_sampling(draft.sampling), cost)
        for number, (draft, cost) in enumerate(zip(drafts, costs, strict=True), start=1)
    ]


def tell_sampling(sampling: Mapping[str, Any]) -> str:
    """Write the sampling that is not switched off, such as `temperature 0.7, top_p 0.95`."""
    off = {"top_p": 1, "top_k": 0, "min_p": 0, "repetition_penalty": 1, "frequency_penalty": 0}
    said = {name: value for name, value in sampling.items() if value != off.get(name)}
    return ", ".join(f"{name} {value:g}" for name, value in said.items())


def _list_numbers(told: Forecast) -> dict[str, tuple[str, str, str]]:
    """Give for each amount what is likely, from where to where, and what it rests on."""
    amounts = {
        "prompt_tokens": told.prompt_tokens,
        "completion_tokens": told.completion_tokens,
        "gpu_minutes": told.gpu_minutes,
    }
    return {name: tell_amount(amount) for name, amount in amounts.items()}


def tell_amount(amount: Amount) -> tuple[str, str, str]:
    """Write an amount roughly: likely, low to high, and its reason; none is a dash."""
    if amount.likely is None or amount.low is None or amount.high is None:
        return "–", "", amount.words
    likely, low, high = (_roughly(each) for each in (amount.likely, amount.low, amount.high))
    return likely, "" if low == high else f"{low}–{high}", amount.words


def _roughly(number: float) -> str:
    """Write a number with the digits that a forecast deserves."""
    if number <= 0:
        return "0"
    digits = SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(number))
    shown = Decimal(str(round(number, digits)))
    return str(number_format(shown, decimal_pos=max(0, digits), force_grouping=True))


def _look(
    rows: Sequence[CandidateRow], prompts: Any, n_prompts: int, asked: Mapping[str, str]
) -> Looked | None:
    """Render the prompt that the address asks for; None where it asks for none."""
    if "candidate" not in asked or not n_prompts or not rows:
        return None
    row = rows[_number(asked, "candidate", len(rows)) - 1]
    number = _number(asked, "prompt", n_prompts)
    prompt = prompts.select_related("prompt_set").order_by("prompt_set__slug", "key")[number - 1]
    preview, refusal = None, ""
    try:
        turn = _number(asked, "turn", len(prompt.turns))
        preview = preview_prompt(candidate=row.draft, prompt=prompt, turn=turn)
    except (errors.PreviewFailed, ValueError) as error:
        refusal = str(error)
    return Looked(row, prompt, number, n_prompts, preview, refusal)


def _number(asked: Mapping[str, str], name: str, highest: int) -> int:
    """Read a number of the address, kept from 1 to the highest."""
    said = asked.get(name, "1")
    return min(max(int(said), 1), highest) if said.isdecimal() and len(said) < 10 else 1
