"""Battles bring prompts, completions and votes at once; a second import finds all of them."""

from dataclasses import replace

import pytest

from annotate.models import (
    Comparison,
    Completion,
    DecisionRules,
    Prompt,
    Round,
    SelectionRun,
    Stop,
    Vote,
)
from annotate.services import errors, states
from annotate.services.importing import Counts, import_battles, import_completions
from annotate.services.importing.batches import BATCH_SIZE
from tests.services.rows import battle_row, completion_row, prompt_row, vote_row

pytestmark = pytest.mark.django_db

BATTLES = [
    battle_row("p1", "x", "y", outcome="a"),
    battle_row("p1", "y", "z", outcome="tie", annotator="bob"),
    battle_row("p2", "z", "x", outcome="both_bad", annotator_kind="judge", annotator="judge"),
]


def bring(rows: object, **told: object) -> object:
    return import_battles(rows=rows, run_slug="r", set_slug="s", **told)  # type: ignore[arg-type]


def test_import_battles_makes_everything_and_opens_the_first_round() -> None:
    counts = import_battles(rows=BATTLES, run_slug="r", set_slug="s")
    assert (counts.prompts, counts.candidates) == (Counts(new=2), Counts(new=3))
    assert (counts.completions, counts.votes) == (Counts(new=5), Counts(new=3))
    run = SelectionRun.objects.get(slug="r")
    round_ = run.rounds.get()
    assert run.state == "voting"
    assert {each.name for each in round_.candidates.all()} == set("xyz")
    assert set(Comparison.objects.values_list("round", flat=True)) == {round_.pk}
    kinds = Vote.objects.order_by("id").values_list("outcome", "comparison__annotator__kind")
    assert list(kinds) == [("a", "person"), ("tie", "person"), ("both_bad", "judge")]


def test_import_battles_again_adds_nothing() -> None:
    bring(BATTLES)
    counts = import_battles(rows=BATTLES, run_slug="r", set_slug="s")
    assert (counts.prompts, counts.candidates) == (Counts(equal=2), Counts(equal=3))
    assert (counts.completions, counts.votes) == (Counts(equal=5), Counts(equal=3))
    assert (Prompt.objects.count(), Completion.objects.count(), Vote.objects.count()) == (2, 5, 3)
    assert Round.objects.count() == 1


def test_import_battles_knows_a_text_of_an_earlier_batch() -> None:
    rows = [battle_row("p1", "x", "y", id=str(n), line=n + 1) for n in range(BATCH_SIZE + 1)]
    rows.append(battle_row("p1", "x", "z", id="last"))
    counts = import_battles(rows=rows, run_slug="r", set_slug="s")
    assert counts.completions == Counts(new=3)
    assert counts.votes == Counts(new=len(rows))
    assert {each.name for each in Round.objects.get().candidates.all()} == set("xyz")


def test_import_battles_lets_each_vote_be_on_the_prompt_of_its_own_set() -> None:
    rows = [prompt_row("p1", "Another?"), completion_row("p1", "x"), completion_row("p1", "y")]
    import_completions(rows=rows, run_slug="r", set_slug="other")
    bring([battle_row("p1", "x", "y")])
    assert Comparison.objects.get().prompt.prompt_set.slug == "s"


def test_import_battles_opens_another_round_where_one_has_its_answer() -> None:
    bring(BATTLES[:1])
    first = Round.objects.get()
    DecisionRules.objects.create(run=first.run, stops_early=True)
    Stop.objects.create(round=first, reason="best", cutoff=1, n_votes=1, evidence={})
    bring(BATTLES)
    assert Round.objects.count() == 2
    newest = Round.objects.open().get()
    assert {each.name for each in newest.candidates.all()} == set("xyz")
    assert newest.comparisons.count() == 2


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (replace(BATTLES[0], prompt=prompt_row("p1", "別？", line=8)), 'turns: ["別？"] is not'),
        (
            replace(BATTLES[0], a=completion_row("p1", "x", "別。", line=8)),
            'replies: ["別。"] is not',
        ),
        (
            replace(BATTLES[0], votes=(vote_row("x", "y", "b", line=8),)),
            'outcome: "b" is not what this vote of',
        ),
    ],
)
def test_import_battles_refuses_what_contradicts_and_keeps_nothing(row: object, told: str) -> None:
    bring(BATTLES[:1])
    with pytest.raises(errors.ImportRefused) as refusal:
        bring([BATTLES[2], row])
    assert f"line 8, {told}" in str(refusal.value)
    assert (Prompt.objects.count(), Completion.objects.count(), Vote.objects.count()) == (1, 2, 1)


def test_import_battles_refuses_a_closed_run() -> None:
    bring(BATTLES)
    states.move_run(run=SelectionRun.objects.get(), to="closed")
    with pytest.raises(errors.WrongState, match="run r is closed"):
        bring(BATTLES)
