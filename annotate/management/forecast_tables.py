"""What a plan would make and take, as tables for a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from annotate.services.forecasting import Amount, Forecast
from annotate.services.launching import CandidateDraft


def candidates_table(drafts: Sequence[CandidateDraft], found: Forecast) -> Table:
    """List the candidates with what each is asked for."""
    table = _table("candidates")
    table.add_column("name", overflow="fold")
    table.add_column("engine", no_wrap=True)
    table.add_column("format", no_wrap=True)
    for heading in ("completions", "tokens written", "GPU minutes"):
        table.add_column(heading, justify="right", no_wrap=True)
    for draft, each in zip(drafts, found.by_candidate, strict=True):
        name = f"{draft.name} (anchor)" if draft.is_anchor else draft.name
        numbers = (_range(each.completion_tokens), _range(each.gpu_minutes))
        table.add_row(
            Text(name), draft.engine, draft.prompt_format, f"{each.completions:,}", *numbers
        )
    return table


def forecast_table(found: Forecast) -> Table:
    """Say what the whole plan takes, and what each number rests on."""
    table = _table("forecast")
    table.add_column("", no_wrap=True)
    for heading in ("low", "likely", "high"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("basis", overflow="fold")
    asked = ", ".join(f"{language} {n:,}" for language, n in found.prompts.items())
    table.add_row("candidates", "", f"{found.candidates:,}", "", "")
    table.add_row("prompts", "", f"{sum(found.prompts.values()):,}", "", asked)
    table.add_row("completions", "", f"{found.completions:,}", "", "")
    for name, amount in (
        ("tokens read", found.prompt_tokens),
        ("tokens written", found.completion_tokens),
        ("GPU minutes", found.gpu_minutes),
    ):
        table.add_row(name, *map(_number, (amount.low, amount.likely, amount.high)), amount.words)
    votes = found.votes
    table.add_row("votes", "", _number(votes.likely), _number(votes.at_most), votes.words)
    table.add_row("judge calls", "", "", f"{found.judge_calls:,}", "each pair in both orders")
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0),
                 pad_edge=False)  # fmt: skip


def _range(amount: Amount) -> str:
    if amount.likely is None:
        return "–"
    return f"{_number(amount.likely)} ({_number(amount.low)} to {_number(amount.high)})"


def _number(value: float | None) -> str:
    """Write a number as far as a forecast can be trusted: two digits below a hundred."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
