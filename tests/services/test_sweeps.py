"""A grid of sampling parameters: cells, what they average, and what is left out."""

import itertools

import numpy as np
import pytest

from annotate.models import Candidate, Round, SelectionRun
from annotate.ranking import RankingSettings
from annotate.services import measuring
from annotate.services.measure_columns import Measure
from annotate.services.rankings import store_rankings
from annotate.services.sweeps import Sweep, axes_of, sweep_of
from tests import factories as make
from tests.services.casting import cast

pytestmark = pytest.mark.django_db

TEMPERATURES, TOP_PS = (0.2, 1.0), (0.9, 1.0)


def add(round_: Round, **fields: object) -> Candidate:
    """Add a candidate that answers the round's prompts; the hotter, the more of it is foreign."""
    candidate = make.make_candidate(round_.run, **fields)
    round_.candidates.add(candidate)
    heat = int(10 * candidate.sampling.get("temperature", 0))
    for prompt in round_.run.prompts():
        make.make_completion(candidate, prompt, replies=["はい。" * 20 + "good" * (heat // 5)])
    return candidate


def make_grid(models: tuple[str, ...] = ("org/x",)) -> Round:
    """Make two temperatures × two top_p for each model."""
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    for _prompt in range(3):
        make.make_prompt(round_.run.prompt_sets.get(), language="ja")
    for model, temperature, top_p in itertools.product(models, TEMPERATURES, TOP_PS):
        add(round_, model=model, sampling={"temperature": temperature, "top_p": top_p})
    measuring.measure_missing(run=round_.run)
    return round_


def vote(round_: Round, n: int = 120) -> None:
    """Vote on random pairs; who came first wins oftener. Then rank."""
    rng = np.random.default_rng(3)
    n_candidates = round_.candidates.count()
    ballots = []
    for _vote in range(n):
        a, b = sorted(rng.choice(n_candidates, 2, replace=False).tolist())
        outcome = str(rng.choice(["a", "b"], p=[0.7, 0.3]))
        ballots.append((a, b, outcome, int(rng.integers(8))))
    cast(round_, ballots)
    store_rankings(run=round_.run, settings=RankingSettings(n_resamples=100))


def found(run: SelectionRun, **asked: object) -> Sweep:
    sweep = sweep_of(run=run, **asked)  # type: ignore[arg-type]
    assert sweep is not None
    return sweep


def test_axes_are_what_differs() -> None:
    run = make_grid(("org/x", "org/y")).run
    axes = {axis.name: axis.values for axis in axes_of(run=run)}
    assert axes == {"temperature": TEMPERATURES, "top_p": TOP_PS, "model": ("org/x", "org/y")}


def test_a_run_whose_candidates_are_alike_has_no_sweep() -> None:
    assert sweep_of(run=make.make_open_round().run) is not None  # two names are two models
    assert sweep_of(run=make.make_run()) is None


def test_a_parameter_that_nobody_names_is_switched_off() -> None:
    round_ = make.make_open_round(n_candidates=0)
    add(round_, model="m", sampling={"temperature": 1.0})
    add(round_, model="m", sampling={"temperature": 1.0, "min_p": 0.1})
    (axis,) = axes_of(run=round_.run)
    assert (axis.name, axis.values) == ("min_p", (0.0, 0.1))


def test_each_candidate_is_a_cell_with_its_own_standing_and_measures() -> None:
    round_ = make_grid()
    vote(round_)
    sweep = found(round_.run)
    assert (sweep.x, sweep.y, sweep.averaged) == ("temperature", "top_p", ())
    assert [(cell.x, cell.y) for cell in sweep.cells] == list(
        itertools.product(TEMPERATURES, TOP_PS)
    )
    standings = {row["name"]: row for row in sweep.ranking.standings}  # type: ignore[union-attr]
    for cell in sweep.cells:
        row = standings[cell.names[0]]
        assert cell.strength is not None
        assert (cell.strength.mean, cell.strength.low) == (row["strength"], row["low"])
    assert sum(cell.votes for cell in sweep.cells) == 240
    cold, hot = (sweep.cells[n].values[Measure.LEAKAGE].mean for n in (0, 2))
    assert cold == 0
    assert (hot or 0) > 0


def test_models_are_averaged_with_their_joint_error() -> None:
    round_ = make_grid(("org/x", "org/y"))
    vote(round_)
    sweep = found(round_.run)
    assert (sweep.averaged, sweep.is_even, sweep.n_left_out) == (("model",), True, 0)
    standings = {row["name"]: row for row in sweep.ranking.standings}  # type: ignore[union-attr]
    for cell in sweep.cells:
        strengths = [standings[name]["strength"] for name in cell.names]
        assert cell.strength is not None
        assert cell.strength.mean == pytest.approx(sum(strengths) / 2)
        widest = max(standings[name]["high"] - standings[name]["low"] for name in cell.names)
        assert 0 < cell.strength.high - cell.strength.low < widest  # type: ignore[operator]
        assert cell.values[Measure.LEAKAGE].n == 6


def test_one_axis_can_stand_alone_with_all_else_averaged() -> None:
    """So that it can be seen whether leakage rises with temperature, whatever the model."""
    run = make_grid(("org/x", "org/y")).run
    sweep = found(run, x="temperature", y="")
    assert (sweep.y, sweep.averaged) == (None, ("top_p", "model"))
    assert [(cell.x, cell.y, len(cell.names)) for cell in sweep.cells] == [
        (0.2, None, 4), (1.0, None, 4),
    ]  # fmt: skip
    cold, hot = (cell.values[Measure.LEAKAGE].mean for cell in sweep.cells)
    assert cold == 0
    assert hot is not None
    assert hot > 0.1


def test_one_model_can_be_held_fixed_and_be_an_axis() -> None:
    run = make_grid(("org/x", "org/y")).run
    fixed = found(run, fixed={"model": "org/y", "top_p": "nonsense", "elsewhere": "1"})
    assert (fixed.fixed, fixed.averaged) == ({"model": "org/y"}, ())
    assert all(len(cell.names) == 1 for cell in fixed.cells)
    assert fixed.n_left_out == 0
    crossed = found(run, x="top_p", y="model")
    assert (crossed.averaged, len(crossed.cells)) == (("temperature",), 4)


def test_cells_average_only_what_stands_in_all_of_them() -> None:
    """A model at one point alone would pull that point towards itself."""
    round_ = make_grid()
    add(round_, model="org/stray", sampling={"temperature": 0.2, "top_p": 0.9})
    sweep = found(round_.run)
    assert (sweep.n_left_out, sweep.is_even) == (1, True)
    assert all(len(cell.names) == 1 for cell in sweep.cells)


def test_what_is_no_axis_of_the_run_is_passed_over() -> None:
    round_ = make.make_open_round(n_candidates=0, n_prompts=1)
    for model, temperature in (("a", 0.1), ("b", 0.1), ("a", 0.5), ("c", 0.5), ("b", 0.9)):
        add(round_, model=model, sampling={"temperature": temperature, "top_p": 0.5})
    sweep = found(round_.run, x="temperature", fixed={}, y="top_p")
    assert sweep.y == "model"  # top_p does not differ, so the next axis is taken
    uneven = found(round_.run, x="temperature", y="temperature")
    assert uneven.y == "model"


def test_uneven_cells_are_kept_and_told() -> None:
    round_ = make.make_open_round(n_candidates=0, n_prompts=1)
    for model, temperature, top_p in (("a", 0.1, 0.5), ("b", 0.5, 0.5), ("a", 0.5, 1.0)):
        add(round_, model=model, sampling={"temperature": temperature, "top_p": top_p})
    sweep = found(round_.run)
    assert (sweep.is_even, len(sweep.cells), sweep.n_left_out) == (False, 3, 0)


def test_cells_without_votes_have_no_strength() -> None:
    round_ = make_grid()
    assert all(cell.strength is None for cell in found(round_.run).cells)
    vote(round_)
    add(round_, model="org/x", sampling={"temperature": 1.5, "top_p": 1.0})
    last = found(round_.run).cells[-1]
    assert (last.x, last.strength, last.votes) == (1.5, None, 0)
