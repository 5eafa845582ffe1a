"""Judges beside people: kappa on shared pairs, a panel by majority, and what each leans towards."""

import numpy as np
import pytest

from annotate.models import Annotator, Comparison, Judge, JudgeReading, Round
from annotate.ranking.kappa import kappa_of_verdicts
from annotate.services.judge_agreement import JudgesMeasured, measure_judges
from tests import factories as make

pytestmark = pytest.mark.django_db

OUTCOMES = {"a": "a", "b": "b", "t": "tie", "-": "both_bad"}
LETTERS = "abt-"


def vote(round_: Round, annotator: Annotator, said: str, turn: int = 0) -> list[Comparison]:
    """Judge the first two candidates on one prompt after the other; a dot passes over one."""
    made = []
    for prompt, letter in zip(round_.run.prompts().order_by("id"), said, strict=False):
        if letter == ".":
            continue
        first, second = prompt.completions.order_by("candidate")[:2]
        made.append(make.make_comparison(first, second, round_=round_, annotator=annotator))
        make.make_vote(made[-1], OUTCOMES[letter], turn=turn)
    return made


def read(judge: Judge, comparison: Comparison, ab: str, ba: str) -> None:
    for order, verdict in (("ab", ab), ("ba", ba)):
        JudgeReading.objects.create(
            judge=judge, comparison=comparison, order=order, verdict=verdict, seed=1
        )


def told(found: JudgesMeasured) -> dict[tuple[str, str], tuple[int, float | None]]:
    return {
        (each.name, each.other): (each.kappa.n_units, each.kappa.raw) for each in found.agreements
    }


def test_agreement_is_of_the_verdicts_on_shared_pairs() -> None:
    """What one of the two did not judge is left out; each prompt is a cluster."""
    round_ = make.make_open_round(n_prompts=8)
    vote(round_, make.make_annotator(), "aabbt-..")
    vote(round_, make.make_judge("one").annotator, "abbatt.a")
    found = measure_judges(run=round_.run)
    assert (found.judges, found.n_people) == (("one",), 1)
    (agreement,) = found.agreements
    assert (agreement.name, agreement.other) == ("one", "people")
    its, theirs = (
        np.array([LETTERS.index(each) for each in said]) for said in ("abbatt", "aabbt-")
    )
    assert agreement.kappa == kappa_of_verdicts(its, theirs, cluster=np.arange(6))
    assert (agreement.kappa.n_units, agreement.kappa.raw) == (6, 0.5)


def test_people_and_panel_speak_by_majority() -> None:
    """People: a, a, draw (one each). Judges: a (2 of 3), draw (three ways), b; one alone: none."""
    round_ = make.make_open_round(n_prompts=4)
    for said in ("aaab", "aba.", "bab.", "..b."):
        vote(round_, make.make_annotator(), said)
    for slug, said in (("one", "aabb"), ("two", "abb."), ("three", "b-..")):
        vote(round_, make.make_judge(slug).annotator, said)
    found = measure_judges(run=round_.run)
    pairs = [
        tuple(prompt.completions.order_by("candidate").values_list("pk", flat=True))
        for prompt in round_.run.prompts().order_by("id")
    ]
    said = [
        (found.verdicts[pair].get("people"), found.verdicts[pair].get("panel")) for pair in pairs
    ]
    assert said == [("a", "a"), ("a", "tie"), ("tie", "b"), ("b", None)]
    assert told(found) == {
        ("one", "people"): (4, 0.75),
        ("three", "people"): (2, 0.0),
        ("two", "people"): (3, pytest.approx(1 / 3)),
        ("panel", "people"): (3, pytest.approx(1 / 3)),
        ("one", "three"): (2, 0.0),
        ("one", "two"): (3, pytest.approx(2 / 3)),
        ("three", "two"): (2, 0.0),
    }


def test_last_turn_is_the_whole_conversation() -> None:
    """A judge reads conversations whole; people may judge turn by turn."""
    round_ = make.make_open_round(n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?"])
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt)
    (comparison,) = vote(round_, make.make_annotator(), "b", turn=1)
    make.make_vote(comparison, "a", turn=2)
    vote(round_, make.make_judge("one").annotator, "a")
    assert told(measure_judges(run=round_.run)) == {("one", "people"): (1, 1.0)}


def test_leans_are_of_readings_and_of_lengths() -> None:
    round_ = make.make_open_round(n_prompts=0)
    first, second = round_.candidates.order_by("id")
    for length in (10, 20, 40, 80):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        make.make_completion(first, prompt, replies=["x" * length])
        make.make_completion(second, prompt, replies=["y" * 30])
    judge = make.make_judge("one")
    comparisons = vote(round_, judge.annotator, "bbta")
    for comparison, (ab, ba) in zip(
        comparisons, [("b", "b"), ("b", "b"), ("a", "b"), ("a", "a")], strict=True
    ):
        read(judge, comparison, ab, ba)
    vote(round_, make.make_annotator(), "aaa.")
    people, own = measure_judges(run=round_.run).leans
    assert (people.name, people.position, people.longer.value) == ("people", None, 1 / 3)
    assert (own.name, own.n_votes, own.longer.n, own.longer.value) == ("one", 4, 3, 1.0)
    assert people.slope.value is not None
    assert own.slope.value is not None
    assert people.slope.value < 0 < own.slope.value
    assert own.position is not None
    assert (own.position.first.n, own.position.first.value) == (8, 5 / 8)
    assert (own.position.inconsistent.n, own.position.inconsistent.value) == (4, 0.25)


def test_run_without_votes_and_one_without_judges() -> None:
    round_ = make.make_open_round(n_prompts=2)
    empty = measure_judges(run=round_.run)
    assert (empty.judges, empty.agreements, empty.n_people) == ((), (), 0)
    assert empty.leans[0].longer.value is None
    vote(round_, make.make_annotator(), "ab")
    assert measure_judges(run=round_.run).agreements == ()


def test_imported_judges_are_named_and_measured() -> None:
    """They read nothing here; a name that stands for something else is told apart."""
    round_ = make.make_open_round(n_prompts=2)
    vote(round_, make.make_annotator(kind="judge", name="gpt-4", source="votes"), "ab")
    odd = make.make_annotator(kind="judge", name="people", source="votes")
    vote(round_, odd, "a.")
    found = measure_judges(run=round_.run)
    assert found.judges == ("gpt-4", f"people ({odd.pk})")
    assert [each.position for each in found.leans] == [None, None, None]


def test_many_votes_are_measured_in_as_many_queries_as_few(
    django_assert_max_num_queries: object,
) -> None:
    for n_prompts in (3, 30):
        round_ = make.make_open_round(n_prompts=n_prompts)
        judge = make.make_judge(f"judge-{n_prompts}")
        for comparison in vote(round_, judge.annotator, "ab" * (n_prompts // 2)):
            read(judge, comparison, "a", "b")
        vote(round_, make.make_annotator(), "ba" * (n_prompts // 2))
        with django_assert_max_num_queries(6):  # type: ignore[operator]
            measure_judges(run=round_.run)
