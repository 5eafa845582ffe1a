"""Trained candidates beside their parents, as a table."""

from collections.abc import Iterator, Sequence

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotate.models import TrainingRun
from annotate.services.drift import Estimate
from annotate.services.kinship import Kinship
from annotate.services.measure_columns import Measure
from annotate.templatetags.kurabe import NONE, decimals, percent
from annotate.views.measure_words import NAMES, write_interval, write_number
from annotate.views.tables import Cell, Table, show_cells

SHOWN = (Measure.LEAKAGE, Measure.LENGTH, Measure.REPETITION)


def tell_gate(training_run: TrainingRun) -> str:
    """Say whether the child had to win over its parent, and whether it did."""
    if training_run.gate_alpha is None:
        return _("not asked for")
    if training_run.gate_passed is None:
        return _("not known yet")
    return _("shown") if training_run.gate_passed else _("not shown")


def show_kinship(rows: Sequence[Kinship], asked: QueryDict) -> Table | None:
    """Show children beside their parents; None where there are none."""
    if not rows:
        return None
    title = (
        _("Beside the parent, on held-out prompts")
        if rows[0].on_held_out
        else _("Beside the parent, on all prompts: the run holds none out")
    )
    return show_cells("kinship", title, [*_labels()], [[*_cells(row)] for row in rows], asked)


def _labels() -> Iterator[Cell]:
    yield Cell(_("Candidate"), False)
    yield Cell(_("Parent"), False)
    for label in (
        _("Win rate over the parent, by people"), _("Interval"), _("Votes"),
        _("Reward accuracy: training / evaluation"), _("Reward margin: training / evaluation"),
    ):  # fmt: skip
        yield Cell(label, True)
    for measure in SHOWN:
        said = _("%(measure)s: change from the parent, and its interval")
        yield Cell(said % {"measure": NAMES[measure]}, True)
    yield Cell(_("Win over the parent"), False)


def _cells(row: Kinship) -> Iterator[Cell]:
    yield Cell(row.child.name, False)
    yield Cell(row.parent.name, False)
    yield Cell(NONE if row.won is None else percent(row.won.rate, 1), True)
    ends = NONE if row.won is None else f"{percent(row.won.low, 1)} – {percent(row.won.high, 1)}"
    yield Cell(ends, True)
    yield Cell(_tell_votes(row), True)
    accuracy, margin = ([row.rewards.get(f"{when}{name}") for when in ("", "eval_")]
                        for name in ("reward_accuracy", "reward_margin"))  # fmt: skip
    yield Cell(" / ".join(percent(share, 1) for share in accuracy), True)
    yield Cell(" / ".join(decimals(number, 3) for number in margin), True)
    for measure in SHOWN:
        change = row.drift.changes.get(measure, Estimate(None, None, None, 0))
        yield Cell(_tell_change(measure, change), True)
    yield Cell(tell_gate(row.training_run), False)


def _tell_change(measure: Measure, change: Estimate) -> str:
    mean = write_number(measure, change.mean, is_change=True)
    interval = write_interval(measure, change, is_change=True)
    return mean if interval == NONE else f"{mean} ({interval})"


def _tell_votes(row: Kinship) -> str:
    """Write how many votes there are, and plainly how many of them no person cast."""
    n_votes, n_simulated = sum(row.kinds.values()), row.kinds.get("simulated", 0)
    if not n_simulated:
        return str(n_votes)
    said = ngettext("%(all)s, %(n)s simulated", "%(all)s, %(n)s simulated", n_simulated)
    return said % {"all": n_votes, "n": n_simulated}
