"""Trainings by the real trainer on a tiny model: foretold, stopped, resumed, kept, failed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotate.models import Candidate, TrainingRun
from annotate.services import errors, gating
from annotate.services.training import folder_of, start_training, train
from annotate.services.training_forecast import foretell_training
from annotate.services.training_states import keep_training, resume_training, stop_training
from tests.services.trainings import export, make_base, vote_on
from tests.tiny import make_tiny_model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

State = TrainingRun.State
N_PAIRS = 12
# So many that none ends by itself before the next look at it, however busy the machine is.
FOR_LONG = 4_000.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


@pytest.fixture
def base(model: Path, home: Path) -> Candidate:
    return make_base(vote_on(*[{}] * N_PAIRS), model=str(model), prompt_format="chatml")


def plan(base: Candidate, **wishes: Any) -> TrainingRun:
    plain: dict[str, Any] = {"batch_size": 4, "max_length": 64, "learning_rate": 1e-3}
    plain |= {"opens_round": False, "is_queued": False}
    return start_training(dataset=export(base.run), base=base, **plain | wishes)


def act_at_step(training_run: TrainingRun, step: int, act: Callable[..., None]) -> Any:
    """Give what `train` calls for each row, which acts as an admin would at a step."""
    has_acted: list[int] = []

    def look(row: dict[str, Any]) -> None:
        if row["step"] >= step and not has_acted:
            has_acted.append(row["step"])
            act(training_run=TrainingRun.objects.get(pk=training_run.pk))

    return look


def test_forecast_is_the_trainers_and_leaves_nothing(base: Candidate, home: Path) -> None:
    forecast = foretell_training(base=base, batch_size=4, max_length=64)
    assert (forecast["pairs"], forecast["dropped_pairs"], forecast["steps"]) == (N_PAIRS, 0, 3)
    assert forecast["examples"][0]["text"] == (
        "<|im_start|>user\nQ0<|im_end|>\n<|im_start|>assistant\nGood 0.<|im_end|>"
    )
    assert forecast["memory_bytes"] > 0
    assert not base.run.datasets.exists()
    assert list((home / "training").iterdir()) == []


def test_forecast_says_what_the_trainer_refuses(base: Candidate) -> None:
    with pytest.raises(errors.TrainingRefused, match="no pair is left to train on"):
        foretell_training(base=base, max_length=2)


def test_training_keeps_what_it_was_about_to_do_and_where_it_came_from(base: Candidate) -> None:
    base.run.prompts().filter(key="p0").update(is_held_out=True)
    training_run = plan(base, eval_share=0.25, opens_round=True, gate_alpha=0.05)
    train(training_run=training_run)
    training_run.refresh_from_db()
    assert (training_run.state, training_run.failure) == (State.FINISHED, "")
    assert training_run.forecast is not None
    assert training_run.forecast["pairs"] + training_run.forecast["eval_pairs"] == N_PAIRS - 1
    last = training_run.metrics.latest("step").values
    assert {"loss", "eval_loss", "eval_reward_accuracy", "tokens_per_s"} <= set(last)
    child = training_run.candidates.get()
    card = (Path(child.model) / "README.md").read_text(encoding="utf-8")
    assert base.run.slug in card
    assert training_run.dataset.sha256 in card
    # The child meets its parent on the prompt that neither learned from, and has to win there.
    round_ = training_run.next_round
    assert set(round_.candidates.all()) == {base, child}
    assert list(round_.prompts().values_list("key", flat=True)) == ["p0"]
    assert gating.unsettled(round_) == [training_run]


def test_training_that_is_stopped_goes_on_where_it_was(base: Candidate) -> None:
    training_run = plan(base, epochs=FOR_LONG)
    train(training_run=training_run, on_metrics=act_at_step(training_run, 3, stop_training))
    training_run.refresh_from_db()
    assert (training_run.state, training_run.wish) == (State.STOPPED, "")
    stopped_at = training_run.metrics.count()
    assert stopped_at >= 3
    assert not training_run.candidates.exists()
    resume_training(training_run=training_run)
    look = act_at_step(training_run, stopped_at + 1, keep_training)
    steps: list[int] = []

    def note(row: dict[str, Any]) -> None:
        steps.append(row["step"])
        look(row)

    train(training_run=training_run, on_metrics=note)
    training_run.refresh_from_db()
    assert training_run.state == State.FINISHED
    assert steps == sorted(set(steps))  # none is made again
    n_steps = training_run.metrics.count()
    assert list(training_run.metrics.values_list("step", flat=True)) == list(range(1, n_steps + 1))
    assert training_run.forecast is not None
    assert training_run.attempt == 2


def test_training_that_is_to_keep_ends_with_a_candidate(base: Candidate) -> None:
    training_run = plan(base, epochs=FOR_LONG)
    train(training_run=training_run, on_metrics=act_at_step(training_run, 3, keep_training))
    training_run.refresh_from_db()
    assert training_run.state == State.FINISHED
    assert training_run.metrics.count() < FOR_LONG * N_PAIRS / 4
    child = training_run.candidates.get()
    assert (Path(child.model) / "model.safetensors").is_file()


def test_training_of_a_worker_that_ends_is_left_to_the_next(base: Candidate) -> None:
    training_run = plan(base, epochs=FOR_LONG)
    ends: list[int] = []
    with pytest.raises(errors.TrainingInterrupted, match="its worker is about to end"):
        train(
            training_run=training_run,
            on_metrics=lambda row: ends.append(row["step"]),
            should_stop=lambda: bool(ends),
        )
    assert training_run.state == State.QUEUED
    train(training_run=training_run, on_metrics=act_at_step(training_run, 1, keep_training))
    training_run.refresh_from_db()
    assert training_run.state == State.FINISHED


def test_training_that_failed_says_why_and_can_be_tried_again(base: Candidate) -> None:
    training_run = plan(base)
    file = folder_of(training_run).parent.parent / training_run.dataset.path
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(errors.TrainingFailed):
        train(training_run=training_run)
    assert (training_run.state, training_run.failure) == (
        State.FAILED,
        f"The file of dataset {training_run.dataset_id} is gone: export the run again.",
    )
    file.write_bytes(content)
    resume_training(training_run=training_run)
    train(training_run=training_run)
    assert training_run.state == State.FINISHED
