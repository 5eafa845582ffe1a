"""Completions come in once, with their run and candidates, and can be voted on at once."""

from typing import Any

import pytest
from django.utils import timezone

from annotate.models import (
    Candidate,
    Completion,
    DecisionRules,
    Prompt,
    PromptSet,
    Round,
    SelectionRun,
    Stop,
)
from annotate.services import errors, rounds, states, voting
from annotate.services.importing import Counts, import_completions, import_prompts
from annotate.services.importing.batches import BATCH_SIZE
from tests import factories as make
from tests.services.rows import completion_row, prompt_row
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db

GRID = [
    prompt_row("p1"),
    completion_row("p1", "x"),
    completion_row("p1", "y"),
    prompt_row("p2"),
    completion_row("p2", "x"),
    completion_row("p2", "y"),
    completion_row("p2", "y", sample=1),
]


def bring(rows: Any, run: str = "r", prompts: str = "s") -> Any:
    return import_completions(rows=rows, run_slug=run, set_slug=prompts)


def test_import_completions_makes_run_candidates_and_prompts() -> None:
    counts = bring(GRID)
    assert counts.prompts == Counts(new=2)
    assert counts.candidates == Counts(new=2)
    assert counts.completions == Counts(new=5)
    run = SelectionRun.objects.get(slug="r")
    assert (run.state, run.samples_per_prompt) == ("voting", 2)
    assert [each.slug for each in run.prompt_sets.all()] == ["s"]
    assert [candidate.name for candidate in run.candidates.all()] == ["x", "y"]
    assert {candidate.engine for candidate in run.candidates.all()} == {"imported"}


def test_import_completions_stores_all_that_a_row_says() -> None:
    facts = {"model": "org/x", "revision": "abc", "prompt_format": "llama2", "licence": "MIT",
             "sampling": {"temperature": 0.1, "top_p": 0.95}}  # fmt: skip
    row = completion_row("p1", "x", "", ' \\N "引用" {a,b}\n', of=facts, finish_reason="length",
                         seed=-(2**63), prompt_tokens=3, completion_tokens=2**31 - 1)  # fmt: skip
    before = timezone.now()
    bring([prompt_row("p1", "One?", "Two?"), row])
    completion = Completion.objects.get()
    assert completion.replies == list(row.replies)
    assert (completion.finish_reason, completion.seed) == ("length", -(2**63))
    assert (completion.prompt_tokens, completion.completion_tokens) == (3, 2**31 - 1)
    assert before < completion.created_at < timezone.now()
    assert {name: getattr(completion.candidate, name) for name in facts} == facts


def test_import_completions_lets_volunteers_vote_at_once() -> None:
    bring(GRID)
    round_ = Round.objects.get()
    comparison = voting.lease_comparison(round_=round_, annotator=make.make_annotator())
    assert (comparison.candidate_a.name, comparison.candidate_b.name) == ("x", "y")


def test_import_completions_again_adds_nothing() -> None:
    bring(GRID)
    counts = bring(GRID)
    assert counts.prompts == Counts(equal=2)
    assert counts.candidates == Counts(equal=2)
    assert counts.completions == Counts(equal=5)
    assert (Completion.objects.count(), Round.objects.count()) == (5, 1)


def test_import_completions_again_leaves_a_later_round_alone() -> None:
    bring(GRID)
    run = SelectionRun.objects.get()
    final = [run.candidates.get(name="x"), make.make_candidate(run, name="child")]
    round_ = rounds.create_round(run=run, candidates=final)
    rounds.open_round(round_=round_)
    bring(GRID)
    assert {candidate.name for candidate in round_.candidates.all()} == {"x", "child"}


def test_import_completions_enters_new_candidates_in_the_open_round() -> None:
    bring(GRID)
    bring([completion_row("p1", "z"), completion_row("p1", "x")])
    assert {candidate.name for candidate in Round.objects.get().candidates.all()} == set("xyz")


@pytest.mark.parametrize(("stops_early", "expected"), [(True, ["xy", "xyz"]), (False, ["xyz"])])
def test_import_completions_opens_another_round_where_one_has_its_answer(
    stops_early: bool, expected: list[str]
) -> None:
    bring(GRID)
    round_ = Round.objects.get()
    DecisionRules.objects.create(run=round_.run, stops_early=stops_early)
    Stop.objects.create(round=round_, reason="best", cutoff=1, n_votes=1, evidence={})
    bring([completion_row("p1", "y", sample=7)])
    assert Round.objects.count() == 1
    bring([completion_row("p1", "z"), completion_row("p1", "x")])
    entered = [
        "".join(sorted(each.candidates.values_list("name", flat=True)))
        for each in Round.objects.order_by("number")
    ]
    assert entered == expected
    newest = Round.objects.open().get()
    comparison = voting.lease_comparison(round_=newest, annotator=make.make_annotator())
    assert comparison.round == newest


def test_import_completions_adds_samples_to_what_is_there() -> None:
    bring(GRID)
    counts = bring([completion_row("p1", "x", sample=2), completion_row("p1", "x")])
    assert counts.completions == Counts(new=1, equal=1)
    assert SelectionRun.objects.get().samples_per_prompt == 3


def test_import_completions_takes_prompts_from_another_set() -> None:
    import_prompts(rows=[prompt_row("p1", "One?", "Two?")], set_slug="shared")
    bring([completion_row("p1", "x", "1", "2")], run="r1", prompts="shared")
    bring([completion_row("p1", "x", "1", "2")], run="r2", prompts="shared")
    assert (Prompt.objects.count(), Completion.objects.count()) == (1, 2)
    assert PromptSet.objects.get().runs.count() == 2


FORMATS = ", ".join(Candidate.PromptFormat.values)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (completion_row("p9", line=3), 'prompt: "p9" is not a prompt of set s; import it first,'
         " or name the set that has it with --prompts"),
        (completion_row("p1", "z", "1", "2", line=3), 'replies: ["1", "2"] is not one reply for'
         " each of the 1 turn(s) of prompt 'p1'"),
        (completion_row("p1", "y", "Changed.", line=3), 'replies: ["Changed."] is not the text'
         " that sample 0 of 'y' on prompt 'p1' has; completions are never changed"),
        (completion_row("p1", "y", sample=1, of={"model": "org/y2"}, line=3), "model:"
         " \"org/y2\" is not '', which candidate 'y' has in run r; give it another name"),
        (completion_row("p1", "z", of={"prompt_format": "vicuna"}, line=3), "prompt_format:"
         f' "vicuna" is not one of {FORMATS}'),
        (completion_row("p1", "y", sample=32767, line=3), "sample: 32767 is not a number"
         " from 0 to 32766"),
    ],
)  # fmt: skip
def test_import_completions_refuses_a_row_and_keeps_nothing(row: Any, message: str) -> None:
    bring(GRID)
    before = Completion.objects.count(), Candidate.objects.count(), Prompt.objects.count()
    rows = [prompt_row("p3"), completion_row("p3", "new"), row, completion_row("p3", "newer")]
    with pytest.raises(errors.ImportRefused) as refusal:
        bring(rows)
    assert str(refusal.value) == f"completions.jsonl, line 3, {message}"
    after = Completion.objects.count(), Candidate.objects.count(), Prompt.objects.count()
    assert after == before


def test_import_completions_keeps_nothing_of_many_batches() -> None:
    rows = [completion_row("p1", "x", sample=sample) for sample in range(2 * BATCH_SIZE)]
    with pytest.raises(errors.ImportRefused):
        bring([prompt_row("p1"), *rows, completion_row("p2", "x")])
    tables = (SelectionRun, PromptSet, Prompt, Candidate, Completion)
    assert [table.objects.count() for table in tables] == [0] * 5


def test_import_completions_passes_the_refusal_of_a_reader_on_and_keeps_nothing() -> None:
    def rows() -> Any:
        yield from GRID
        raise ValueError("the file broke off")

    with pytest.raises(ValueError, match="the file broke off"):
        bring(rows())
    assert not SelectionRun.objects.exists()


def test_import_completions_says_the_facts_of_a_candidate_once() -> None:
    """A later file may leave them out, and may not change them."""
    bring([prompt_row("p1"), completion_row("p1", "x", of={"model": "org/x"})])
    bring([completion_row("p1", "x", sample=1)])
    assert Candidate.objects.get().model == "org/x"


def test_import_completions_refuses_a_closed_run() -> None:
    bring(GRID)
    states.move_run(run=SelectionRun.objects.get(), to="closed")
    with pytest.raises(errors.WrongState, match="run r is closed and takes no completions"):
        bring([completion_row("p1", "z")])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_set_there", [False, True])
def test_import_completions_twice_at_one_moment_stores_them_once(is_set_there: bool) -> None:
    if is_set_there:
        import_prompts(rows=[prompt_row("p1")], set_slug="s")
    counts = at_once(*[lambda: bring(GRID)] * 2)
    assert sorted(each.completions.new for each in counts) == [0, 5]
    assert SelectionRun.objects.get().rounds.count() == 1
