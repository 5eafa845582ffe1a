"""A trained candidate beside its parent: votes, rewards and measures of the same prompts."""

from pathlib import Path
from typing import Any

import pytest

from annotate.models import Annotator, Candidate, Round, TrainingRun
from annotate.ranking.win_rate import win_rate
from annotate.services import exclusions, measuring
from annotate.services.kinship import tell_kinship
from annotate.services.measure_columns import Measure
from tests import factories as make
from tests.views.pages import count_queries, make_training

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


def make_kin(*, n_held_out: int = 4) -> tuple[Round, Candidate, Candidate]:
    """Make a parent, and its child whose replies are twice as long, on held-out and other prompts.

    The child comes first, so that it is `a` of a comparison.
    """
    round_ = make.make_open_round(n_candidates=0, n_prompts=0)
    run = round_.run
    child, parent = make.make_candidate(run, name="child"), make.make_candidate(run, name="parent")
    for number in range(n_held_out + 2):
        prompt = make.make_prompt(run.prompt_sets.get(), is_held_out=number < n_held_out)
        make.make_completion(child, prompt, replies=["The sea is wide. " * 2])
        make.make_completion(parent, prompt, replies=["The sea is wide. "])
    round_.candidates.add(child, parent)
    Candidate.objects.filter(pk=child.pk).update(training_run=make_training(run, base=parent))
    child.parents.add(parent)
    measuring.measure_missing(run=run)
    return round_, child, parent


def cast(round_: Round, outcomes: str, annotator: Annotator, *, is_held_out: bool = True) -> None:
    """Let an annotator judge child against parent, on a prompt after another."""
    child, parent = round_.candidates.order_by("id")
    words = {"a": "a", "b": "b", "t": "tie", "x": "both_bad"}
    prompts = round_.run.prompts().filter(is_held_out=is_held_out).order_by("id")
    for outcome, prompt in zip(outcomes, prompts, strict=False):
        one, other = (each.completions.get(prompt=prompt) for each in (child, parent))
        comparison = make.make_comparison(one, other, round_=round_, annotator=annotator)
        make.make_vote(comparison, words[outcome])


def test_win_rate_is_peoples_on_held_out_prompts() -> None:
    round_, child, parent = make_kin()
    cast(round_, "aaab", make.make_annotator())
    cast(round_, "tx", make.make_annotator(kind="simulated"))
    cast(round_, "bbbb", make.make_annotator(kind="judge"))
    cast(round_, "bb", make.make_annotator(), is_held_out=False)
    left_out = make.make_annotator(name="careless")
    cast(round_, "bbbb", left_out)
    exclusions.exclude(run=round_.run, annotator=left_out, reason="r", by=make.make_user("admin"))
    (kin,) = tell_kinship(run=round_.run)
    assert (kin.child, kin.parent, kin.on_held_out) == (child, parent, True)
    assert kin.won == win_rate(3, 1, 2)
    assert kin.kinds == {"person": 4, "simulated": 2}


def test_child_with_the_higher_id_is_seen_from_its_side() -> None:
    round_, second, first = make_kin()
    grandchild = make.make_candidate(round_.run, name="grandchild")
    training_run = make_training(round_.run, base=second)
    Candidate.objects.filter(pk=grandchild.pk).update(training_run=training_run)
    for prompt in round_.run.prompts():
        make.make_completion(grandchild, prompt)
    for prompt in round_.run.prompts().held_out()[:3]:
        one, other = (each.completions.get(prompt=prompt) for each in (second, grandchild))
        drawn = make.make_comparison(one, other, round_=round_, annotator=make.make_annotator())
        make.make_vote(drawn, "b")
    kin = {each.child.name: each for each in tell_kinship(run=round_.run)}
    assert kin["grandchild"].won == win_rate(3, 0, 0)
    assert kin["child"].won is None
    assert kin["child"].parent == first


def test_measures_are_of_the_same_prompts_and_rewards_are_the_last() -> None:
    round_, child, _parent = make_kin()
    training_run = TrainingRun.objects.get()
    rows = [{"reward_accuracy": 0.5, "reward_margin": 0.1},
            {"reward_accuracy": 0.9, "reward_margin": 1.5,
             "eval_reward_accuracy": 0.6, "eval_reward_margin": 0.2},
            {"reward_accuracy": 0.8, "reward_margin": 1.4}]  # fmt: skip
    for step, row in enumerate(rows, start=1):
        training_run.metrics.create(step=step, values={"step": step, **row})
    (kin,) = tell_kinship(run=round_.run, training_run=training_run)
    assert kin.rewards == {"reward_accuracy": 0.8, "reward_margin": 1.4,
                           "eval_reward_accuracy": 0.6, "eval_reward_margin": 0.2}  # fmt: skip
    change = kin.drift.changes[Measure.LENGTH]
    assert (change.n, change.mean) == (4, 17.0)
    assert kin.drift.values[Measure.LENGTH].mean == 34.0
    assert (kin.child, kin.won) == (child, None)


def test_run_that_holds_nothing_out_tells_of_all_prompts() -> None:
    round_, _child, _parent = make_kin(n_held_out=0)
    cast(round_, "ab", make.make_annotator(), is_held_out=False)
    (kin,) = tell_kinship(run=round_.run)
    assert (kin.on_held_out, kin.won) == (False, win_rate(1, 1, 0))


def test_run_without_a_training_has_none() -> None:
    assert tell_kinship(run=make.make_run()) == []


def test_queries_do_not_grow_with_children() -> None:
    round_, _child, parent = make_kin()
    counts = [count_queries(lambda: tell_kinship(run=round_.run))]
    for name in ("two", "three"):
        sibling = make.make_candidate(round_.run, name=name)
        Candidate.objects.filter(pk=sibling.pk).update(
            training_run=make_training(round_.run, base=parent)
        )
    counts.append(count_queries(lambda: tell_kinship(run=round_.run)))
    assert counts[0] == counts[1]
