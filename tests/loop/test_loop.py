"""The loop turns: every step by the program that does it in earnest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotate.models import (
    Annotator,
    Candidate,
    Completion,
    DecisionRules,
    Round,
    SelectionRun,
    Vote,
)
from annotate.ranking import RankingSettings
from annotate.services import generating, rounds, voting
from annotate.services.exporting import export_dataset, votes_of
from annotate.services.rankings import recompute, store_rankings
from annotate.services.simulating import simulate_votes
from annotate.services.training import start_training
from tests import factories as make
from tests.views.estimates import make_stop

pytestmark = [pytest.mark.django_db(transaction=True)]

N_PROMPTS, N_HELD_OUT, N_SAMPLES, VOTES = 6, 2, 2, 24


def begin_run(model: Path) -> SelectionRun:
    """Make a run with two candidates of the model, and queue its first round."""
    run = make.make_run(samples_per_prompt=N_SAMPLES, seed=3)
    for number in range(N_PROMPTS):
        language = "ja" if number % 2 else "en"
        question = (
            f"{number} 番の色は何ですか。" if number % 2 else f"What colour is number {number}?"
        )
        make.make_prompt(
            run.prompt_sets.get(),
            turns=[question],
            language=language,
            is_held_out=number >= N_PROMPTS - N_HELD_OUT,
        )
    candidates = [
        make.make_candidate(
            run,
            name=f"tiny {temperature}",
            model=str(model),
            engine=Candidate.Engine.TRANSFORMERS,
            prompt_format=Candidate.PromptFormat.CHAT_TEMPLATE,
            sampling={"temperature": temperature, "max_tokens": 24},
            licence="Apache-2.0",
            origin=Candidate.Origin.BASE,
        )
        for temperature in (0.7, 1.0)
    ]
    round_ = rounds.create_round(
        run=run, candidates=candidates, prompt_scope=Round.Scope.TRAINING, votes_wanted=VOTES
    )
    generating.ask_for_completions(round_=round_)
    return run


@pytest.mark.slow
def test_loop_turns_once(
    tiny_model: Path, home: Path, live_server: Any, work_off: Callable[[], None]
) -> None:
    run = begin_run(tiny_model)

    # Generation, by a worker: the round opens by itself. Asked twice, it is made once.
    generating.ask_for_completions(round_=run.rounds.get())
    work_off()
    round_ = run.rounds.get()
    assert round_.is_open
    n_training = N_PROMPTS - N_HELD_OUT
    assert Completion.objects.of_run(run).count() == 2 * n_training * N_SAMPLES
    first = Completion.objects.of_run(run).earliest("id")
    assert first.seed is not None
    assert first.engine_version.startswith("transformers ")
    assert len(first.rendered_prompt_sha256) == 64

    # Votes, over HTTP, by simulated annotators who are named as such.
    simulation = simulate_votes(run=run, votes=VOTES, seed=1, url=live_server.url, n_annotators=3)
    assert simulation.votes == Vote.objects.of_run(run).count() == VOTES
    assert set(Vote.objects.of_run(run).values_list("comparison__annotator__kind", flat=True)) == {
        Annotator.Kind.SIMULATED
    }

    # A ranking that can be computed again to the byte.
    (ranking,) = store_rankings(run=run, settings=RankingSettings())
    assert ranking.settings["votes_by_kind"] == {"simulated": VOTES}
    assert json.dumps(recompute(ranking=ranking)) == json.dumps(ranking.standings)

    # A dataset without a held-out prompt, and training on it, by the worker.
    dataset = export_dataset(votes_of(run.slug))
    held_out = set(run.prompts().held_out().values_list("key", flat=True))
    rows = [json.loads(line) for line in (home / dataset.path).read_text().splitlines()]
    assert len(rows) == dataset.n_pairs > 0
    assert {row["prompt_id"] for row in rows}.isdisjoint(held_out)
    parent = run.candidates.get(name="tiny 0.7")
    training_run = start_training(
        dataset=dataset,
        base=parent,
        next_round_votes=6,
        epochs=2,
        learning_rate=1e-3,
        max_length=256,
    )
    work_off()
    training_run.refresh_from_db()
    assert (training_run.state, training_run.failure) == ("finished", "")
    assert training_run.metrics.filter(values__has_key="reward_accuracy").exists()

    # The child meets its parent on held-out prompts, and volunteers can vote on them.
    child = training_run.candidates.get()
    assert list(child.parents.all()) == [parent]
    assert (child.origin, child.sampling, child.licence) == ("dpo", parent.sampling, "Apache-2.0")
    assert (Path(child.model) / "model.safetensors").stat().st_size > 0
    second = run.rounds.get(number=2)
    assert second.is_open
    assert set(second.candidates.all()) == {parent, child}
    comparison = voting.lease_comparison(round_=second, annotator=make.make_annotator())
    assert comparison.prompt.key in held_out
    run.refresh_from_db()
    assert run.state == SelectionRun.State.VOTING
    assert run.rounds.get(number=1).closed_at is not None


def test_simulated_votes_stop_where_nothing_is_left(live_server: Any) -> None:
    round_ = make.make_open_round(n_prompts=1)
    simulation = simulate_votes(run=round_.run, votes=50, url=live_server.url, n_annotators=3)
    assert (simulation.votes, simulation.stopped_because) == (3, "nothing is left to compare")
    assert round_.comparisons.exclude(answered_at=None).count() == 3


def test_simulated_votes_stop_where_the_round_has_its_answer(live_server: Any) -> None:
    round_ = make.make_open_round()
    DecisionRules.objects.create(run=round_.run, stops_early=True)
    make_stop(round_, {})
    simulation = simulate_votes(run=round_.run, votes=50, url=live_server.url, n_annotators=2)
    assert (simulation.votes, simulation.stopped_because) == (0, "the round has its answer")


@pytest.mark.slow
def test_training_that_fails_says_why(home: Path, work_off: Callable[[], None]) -> None:
    round_ = make.make_open_round(n_prompts=1)
    voter = make.make_annotator()
    comparison = voting.lease_comparison(round_=round_, annotator=voter)
    voting.record_vote(token=comparison.token, annotator=voter, choice="left")
    dataset = export_dataset(votes_of(round_.run.slug))
    parent = make.make_candidate(
        round_.run,
        engine="transformers",
        prompt_format="chat_template",
        model=str(home / "nowhere"),
    )
    training_run = start_training(dataset=dataset, base=parent)
    work_off()
    training_run.refresh_from_db()
    assert training_run.state == "failed"
    assert str(home / "nowhere") in training_run.failure
    assert round_.run.rounds.count() == 1
