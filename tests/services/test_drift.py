"""A candidate's replies are held against its parent's, prompt by prompt."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotate.models import Candidate, Prompt, SelectionRun
from annotate.services import measuring
from annotate.services.drift import CandidateDrift, drift_of, drift_of_rounds
from annotate.services.measure_columns import Measure
from tests import factories as make

pytestmark = pytest.mark.django_db

PROMPTS = 6


def make_prompts(run: SelectionRun) -> list[Prompt]:
    return [
        make.make_prompt(run.prompt_sets.get(), language="ja", turns=["猫は？"])
        for _prompt in range(PROMPTS)
    ]


def answer(candidate: Candidate, prompts: list[Prompt], *endings: str, **fields: str) -> None:
    """Let the candidate answer each prompt; the prompt's number makes some replies longer."""
    for number, prompt in enumerate(prompts):
        for sample, ending in enumerate(endings):
            text = "はい。" * (number + 1) + ending
            make.make_completion(candidate, prompt, replies=[text], sample=sample, **fields)


def only(rows: list[CandidateDrift], candidate: Candidate) -> CandidateDrift:
    (row,) = [row for row in rows if row.candidate == candidate]
    return row


def test_change_is_against_the_same_prompt_and_sample() -> None:
    run = make.make_run()
    prompts = make_prompts(run)
    parent, child = make.make_candidate(run), make.make_candidate(run)
    child.parents.add(parent)
    answer(parent, prompts, "", "good")
    answer(child, prompts[:4], "goodです", "good")
    measuring.measure_missing(run=run)
    rows = drift_of(run=run)
    change = only(rows, child).changes[Measure.LENGTH]
    assert (change.mean, change.n) == (3, 8)  # 6 more in one sample, as many in the other
    assert change.low is None  # each prompt's change is the same
    leakage = only(rows, child).changes[Measure.LEAKAGE]
    assert (leakage.low or 0) > 0
    assert only(rows, parent).changes == {}
    assert only(rows, parent).values[Measure.LENGTH].n == 2 * PROMPTS


def test_flags_are_shares_and_what_nobody_said_is_unknown() -> None:
    run = make.make_run()
    candidate, silent = make.make_candidate(run), make.make_candidate(run)
    prompts = make_prompts(run)
    answer(candidate, prompts[:3], "お手伝いできません。", finish_reason="length")
    answer(candidate, prompts[3:], "", finish_reason="stop", names_maker="OpenAI")
    answer(silent, prompts, "")
    measuring.measure_missing(run=run)
    values = only(drift_of(run=run), candidate).values
    shares = {name: values[name].mean for name in (Measure.TRUNCATED, Measure.MAKER)}
    assert shares == {Measure.TRUNCATED: 0.5, Measure.MAKER: 0.5}
    assert values[Measure.REFUSAL].mean == 0.5
    unknown = only(drift_of(run=run), silent).values[Measure.TRUNCATED]
    assert (unknown.mean, unknown.n) == (None, 0)


def test_a_parent_of_another_run_counts_where_prompts_are_shared() -> None:
    run, earlier = make.make_run(), make.make_run()
    prompts = make_prompts(run)
    parent, child = make.make_candidate(earlier), make.make_candidate(run)
    child.parents.add(parent)
    answer(parent, prompts, "")
    answer(child, prompts, "です")
    for each in (run, earlier):
        measuring.measure_missing(run=each)
    (row,) = drift_of(run=run)
    assert (row.parent, row.changes[Measure.LENGTH].mean) == (parent, 2)


def test_a_round_is_its_candidates_on_its_prompts() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=4)
    run = round_.run
    make.make_completion(make.make_candidate(run), run.prompts().first())
    measuring.measure_missing(run=run)
    assert len(drift_of(run=run)) == 3
    assert len(drift_of(run=run, round_=round_)) == 2
    (line,) = drift_of_rounds(run=run)
    assert (line.round, line.values[Measure.LENGTH].n) == (round_, 8)


def test_nothing_measured_is_nothing_and_not_an_error() -> None:
    run = make.make_run()
    assert drift_of(run=run) == []
    candidate = make.make_candidate(run)
    assert only(drift_of(run=run), candidate).values[Measure.LEAKAGE].mean is None


@pytest.mark.parametrize("n_candidates", [1, 3])
def test_queries_do_not_grow_with_candidates(n_candidates: int) -> None:
    round_ = make.make_open_round(n_candidates=n_candidates)
    measuring.measure_missing(run=round_.run)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        drift_of(run=round_.run)
    assert len(queries) == 3
