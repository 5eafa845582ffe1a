"""Votes come in once, a and b the right way round, and volunteers' votes stay beside them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from annotate.formats import MarkRow
from annotate.models import (
    Annotator,
    Comparison,
    PassageMark,
    PromptSet,
    ReasonTag,
    SelectionRun,
    Vote,
)
from annotate.services import errors, rounds, states, voting
from annotate.services.annotators import annotator_of
from annotate.services.importing import Counts, import_completions, import_votes
from annotate.services.importing.batches import BATCH_SIZE
from tests import factories as make
from tests.services.rows import completion_row, prompt_row, vote_row
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db

OTHER = {"a": "b", "b": "a", "left": "right", "right": "left", None: None}


def begin_run(slug: str = "r") -> SelectionRun:
    """Make a run: candidate x has the lower id, y the higher; p1 has one turn, p2 two."""
    import_completions(
        rows=[
            prompt_row("p1"),
            completion_row("p1", "x"),
            completion_row("p1", "y"),
            completion_row("p1", "y", sample=1),
            prompt_row("p2", "One?", "Two?"),
            completion_row("p2", "x", "1", "2"),
            completion_row("p2", "y", "1", "2"),
        ],
        run_slug=slug,
        set_slug=f"{slug}-prompts",
    )
    return SelectionRun.objects.get(slug=slug)


@pytest.mark.parametrize("side", ["left", "right", None])
@pytest.mark.parametrize("outcome", ["a", "b", "tie", "both_bad"])
def test_import_votes_turns_a_and_b_round_where_the_file_does(outcome: Any, side: Any) -> None:
    """The file names y as a: stored with x as a, so outcome and side change places."""
    import_votes(rows=[vote_row("y", "x", outcome, side_a=side, sample_a=1)], run=begin_run())
    vote = Vote.objects.get()
    comparison = vote.comparison
    assert (comparison.candidate_a.name, comparison.candidate_b.name) == ("x", "y")
    assert comparison.completion_a.candidate == comparison.candidate_a
    assert comparison.completion_b.candidate == comparison.candidate_b
    assert (comparison.completion_a.sample, comparison.completion_b.sample) == (0, 1)
    assert (vote.outcome, comparison.side_a) == (OTHER.get(outcome, outcome), OTHER[side])


@pytest.mark.parametrize("side", ["left", "right", None])
@pytest.mark.parametrize("outcome", ["a", "b", "tie", "both_bad"])
def test_import_votes_keeps_a_and_b_where_the_file_has_them_in_order(
    outcome: Any, side: Any
) -> None:
    import_votes(rows=[vote_row("x", "y", outcome, side_a=side, sample_b=1)], run=begin_run())
    vote = Vote.objects.get()
    comparison = vote.comparison
    assert (comparison.candidate_a.name, comparison.completion_b.sample) == ("x", 1)
    assert (vote.outcome, comparison.side_a) == (outcome, side)


SAID: dict[str, Any] = {
    "degree": "clearly",
    "reasons_a": ("more-correct", "never-heard-of"),
    "reasons_b": ("unsafe",),
    "comment": "Hm.\nほう。",
    "marks": (MarkRow("a", 1, 0, 4, "unnatural"), MarkRow("b", 1, 2, 17, "wrong_fact")),
}


@pytest.mark.parametrize("names", ["xy", "yx"])
def test_import_votes_stores_all_that_was_said(names: str) -> None:
    """The second time the file names y as a: what it says of a is stored as said of b."""
    import_votes(rows=[vote_row(*names, **SAID)], run=begin_run())
    vote = Vote.objects.get()
    said = {
        "x": (vote.reasons_a, list(vote.marks.filter(which="a").values_list("end", "tag"))),
        "y": (vote.reasons_b, list(vote.marks.filter(which="b").values_list("end", "tag"))),
    }
    assert (vote.degree, vote.comment) == ("clearly", "Hm.\nほう。")
    assert said[names[0]] == (["more-correct", "never-heard-of"], [(4, "unnatural")])
    assert said[names[1]] == (["unsafe"], [(17, "wrong_fact")])
    assert not ReasonTag.objects.filter(slug="never-heard-of").exists()


def test_import_votes_gives_each_vote_its_own_marks() -> None:
    rows = [
        vote_row(id="1", marks=(MarkRow("a", 1, 0, 1, "unnatural"),)),
        vote_row(id="2"),
        vote_row(id="3", marks=(MarkRow("b", 1, 0, 3, "unnatural"),)),
    ]
    import_votes(rows=rows, run=begin_run())
    marks = PassageMark.objects.values_list("vote__comparison__import_key", "which", "end")
    assert sorted(marks) == [("1", "a", 1), ("3", "b", 3)]


@pytest.mark.parametrize("names", ["xy", "yx"])
def test_import_votes_again_knows_all_that_was_said(names: str) -> None:
    run = begin_run()
    import_votes(rows=[vote_row(*names, **SAID)], run=run)
    assert import_votes(rows=[vote_row(*names, **SAID)], run=run) == Counts(equal=1)
    for field in SAID:
        less = {name: said for name, said in SAID.items() if name != field}
        with pytest.raises(errors.ImportRefused) as refusal:
            import_votes(rows=[vote_row(*names, line=3, **less)], run=run)
        said = str(refusal.value)
        assert said.startswith(f"votes.jsonl, line 3, {field}: ")
        assert said.endswith(
            " is not what this vote of 'ann' says; votes are never changed, and a second one needs"
            " an id of its own"
        )
    assert (Vote.objects.count(), PassageMark.objects.count()) == (1, 2)


def test_import_votes_stores_when_a_vote_was_cast() -> None:
    moment = datetime(2023, 11, 5, 4, 3, 2, 123456, tzinfo=UTC)
    before = timezone.now()
    rows = [vote_row(annotator="dated", created_at=moment), vote_row(annotator="undated")]
    import_votes(rows=rows, run=begin_run())
    dated = Vote.objects.get(comparison__annotator__name="dated")
    assert (dated.created_at, dated.comparison.answered_at) == (moment, moment)
    assert dated.comparison.created_at > before
    undated = Vote.objects.get(comparison__annotator__name="undated")
    assert before < undated.created_at < timezone.now()


def test_import_votes_numbers_them_in_the_order_of_the_file() -> None:
    outcomes = ["tie", "a", "b", "both_bad", "b"]
    rows = [vote_row(outcome=outcome, id=f"{n}") for n, outcome in enumerate(outcomes)]
    import_votes(rows=rows, run=begin_run())
    assert list(Vote.objects.order_by("id").values_list("outcome", flat=True)) == outcomes


def test_import_votes_again_adds_nothing() -> None:
    run = begin_run()
    rows = [vote_row(), vote_row(outcome="b", prompt="p2", turn=1), vote_row(annotator="bob"),
            vote_row(annotator="bob", id="7", outcome="tie")]  # fmt: skip
    assert import_votes(rows=rows, run=run) == Counts(new=4)
    assert import_votes(rows=rows, run=run) == Counts(equal=4)
    turned = [vote_row("y", "x", "b"), vote_row(annotator="cid")]
    assert import_votes(rows=turned, run=run) == Counts(new=1, equal=1)
    assert (Vote.objects.count(), Comparison.objects.count()) == (5, 5)


def test_import_votes_keeps_the_turns_of_one_comparison_apart() -> None:
    rows = [vote_row(prompt="p2", turn=turn, outcome=outcome)
            for turn, outcome in enumerate(("tie", "a", "b"))]  # fmt: skip
    import_votes(rows=rows, run=begin_run())
    votes = set(Vote.objects.values_list("turn", "outcome"))
    assert votes == {(0, "tie"), (1, "a"), (2, "b")}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"prompt": "p9"}, 'prompt: "p9" is not a prompt on which run r has completions; import'
         " completions before votes"),
        ({"a": "z"}, "candidate_a: \"z\" is not a candidate of run r; it has: 'x', 'y'"),
        ({"b": "z"}, "candidate_b: \"z\" is not a candidate of run r; it has: 'x', 'y'"),
        ({"sample_a": 1}, "sample_a: 1 is not a sample of 'x' on prompt 'p1' in run r; import"
         " completions before votes"),
        ({"sample_b": 2}, "sample_b: 2 is not a sample of 'y' on prompt 'p1' in run r; import"
         " completions before votes"),
        ({"turn": 2}, "turn: 2 is not one of the 1 turn(s) of prompt 'p1'; they count from 1, and 0"
         " is the conversation as a whole"),
        ({"marks": (MarkRow("b", 1, 0, 18, "unnatural"),)}, "marks: 18 is not an end within the 17"
         " characters of the reply that is marked; they are counted in code points"),
        ({"marks": (MarkRow("a", 2, 0, 1, "unnatural"),)}, "marks: 2 is not a turn of the"
         " completion that is marked, which has 1 reply(s); they count from 1"),
        ({"annotator_kind": "judge"}, "annotator_kind: \"judge\" is not 'person', which 'ann' is in"
         " run r"),
        ({"outcome": "b"}, "outcome: \"b\" is not what this vote of 'ann' says; votes are never"
         " changed, and a second one needs an id of its own"),
        ({"id": "one", "prompt": "p2"}, "id: \"one\" is not new: 'ann' has a vote of this name on"
         " other completions in run r; each vote of an annotator needs an id of its own"),
        ({"id": "one", "outcome": "tie"}, "outcome: \"tie\" is not what this vote of 'ann' says;"
         " votes are never changed, and a second one needs an id of its own"),
    ],
)  # fmt: skip
def test_import_votes_refuses_a_row_and_keeps_nothing(told: dict[str, Any], message: str) -> None:
    run = begin_run()
    import_votes(rows=[vote_row(), vote_row(id="one")], run=run)
    rows = [vote_row(annotator="new"), vote_row(line=12, **told), vote_row(annotator="newer")]
    with pytest.raises(errors.ImportRefused) as refusal:
        import_votes(rows=rows, run=run)
    assert str(refusal.value) == f"votes.jsonl, line 12, {message}"
    counts = Vote.objects.count(), Comparison.objects.count(), Annotator.objects.count()
    assert counts == (2, 2, 1)


def test_import_votes_refuses_two_kinds_of_one_annotator_at_the_second() -> None:
    rows = [vote_row(line=1), vote_row(line=2, prompt="p2", annotator_kind="simulated")]
    with pytest.raises(errors.ImportRefused) as refusal:
        import_votes(rows=rows, run=begin_run())
    assert str(refusal.value) == (
        'votes.jsonl, line 2, annotator_kind: "simulated" is not'
        " 'person', which 'ann' is in run r"
    )


def test_import_votes_keeps_nothing_of_many_batches() -> None:
    run = begin_run()
    rows = [vote_row(annotator=f"ann {number}") for number in range(2 * BATCH_SIZE)]
    with pytest.raises(errors.ImportRefused):
        import_votes(rows=[*rows, vote_row("x", "z")], run=run)
    assert (Vote.objects.count(), Comparison.objects.count(), Annotator.objects.count()) == (0,) * 3


def test_import_votes_knows_annotators_by_run_and_kind() -> None:
    """One name in two runs, and an account of that name, are three annotators."""
    first, second = begin_run("r1"), begin_run("r2")
    account = annotator_of(user=make.make_user(username="ann"))
    for run, kind in ((first, "judge"), (second, "simulated")):
        import_votes(rows=[vote_row(annotator_kind=kind)], run=run)
    kinds = Annotator.objects.order_by("id").values_list("source", "name", "kind")
    assert list(kinds) == [
        ("", "ann", "person"),
        ("r1", "ann", "judge"),
        ("r2", "ann", "simulated"),
    ]
    assert not account.comparisons.exists()


def test_import_votes_again_leaves_votes_of_volunteers_alone() -> None:
    run = begin_run()
    rows = [vote_row(), vote_row(prompt="p2")]
    import_votes(rows=rows, run=run)
    annotator = make.make_annotator(name="ann")
    comparison = voting.lease_comparison(round_=run.rounds.get(), annotator=annotator)
    own = voting.record_vote(token=comparison.token, annotator=annotator, choice="tie")
    before = list(Vote.objects.values())
    assert import_votes(rows=rows, run=run) == Counts(equal=2)
    assert list(Vote.objects.values()) == before
    assert own.pk in {row["id"] for row in before}


def test_import_votes_again_does_not_bring_a_withdrawn_vote_back() -> None:
    run = begin_run()
    import_votes(rows=[vote_row()], run=run)
    voting.withdraw_vote(vote=Vote.objects.get(), by=None)
    assert import_votes(rows=[vote_row()], run=run) == Counts(equal=1)
    assert not Vote.objects.standing().exists()


def test_import_votes_puts_them_in_the_newest_round_even_when_it_has_closed() -> None:
    run = begin_run()
    second = rounds.create_round(run=run, candidates=list(run.candidates.all()))
    rounds.open_round(round_=second)
    states.close_round(round_=second)
    import_votes(rows=[vote_row()], run=run)
    assert Comparison.objects.get().round == second


def test_import_votes_refuses_a_closed_run() -> None:
    run = begin_run()
    states.move_run(run=run, to="closed")
    with pytest.raises(errors.WrongState, match="run r is closed and takes no votes"):
        import_votes(rows=[vote_row()], run=run)
    assert not Vote.objects.exists()


def test_import_votes_refuses_a_run_without_completions() -> None:
    with pytest.raises(errors.ImportRefused, match="has no completions to vote on"):
        import_votes(rows=[vote_row()], run=make.make_run())


def test_import_votes_refuses_a_key_that_names_two_prompts() -> None:
    """Two sets of a run may each have a p1; a vote on p1 must not land on either."""
    run = begin_run()
    rows = [prompt_row("p1", "Another?"), completion_row("p1", "x"), completion_row("p1", "y")]
    import_completions(rows=rows, run_slug="r", set_slug="more-prompts")
    with pytest.raises(errors.ImportRefused) as refusal:
        import_votes(rows=[vote_row(line=4)], run=run)
    assert str(refusal.value) == (
        'votes.jsonl, line 4, prompt: "p1" is not the key of one prompt: run r has 2, from sets of'
        " their own each, and a vote cannot say which; keys must differ between them"
    )
    assert import_votes(rows=[vote_row(prompt="p2")], run=run) == Counts(new=1)


def test_import_votes_takes_a_key_that_only_one_set_has_completions_for() -> None:
    run = begin_run()
    unasked = PromptSet.objects.create(slug="unasked")
    make.make_prompt(unasked, key="p1")
    run.prompt_sets.add(unasked)
    assert import_votes(rows=[vote_row()], run=run) == Counts(new=1)


@pytest.mark.django_db(transaction=True)
def test_import_votes_twice_at_one_moment_stores_them_once() -> None:
    """The annotators are known, so that nothing but the lock makes the second import wait."""
    run = begin_run()
    import_votes(rows=[vote_row()], run=run)
    rows = [vote_row(id=f"{number}") for number in range(BATCH_SIZE + 1)]
    counts = at_once(*[lambda: import_votes(rows=rows, run=run)] * 2)
    assert sorted(each.new for each in counts) == [0, len(rows)]
    assert Vote.objects.count() == len(rows) + 1
