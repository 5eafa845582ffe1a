"""A training is planned by its settings, steered by wishes, and inherits its sources' licences."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone, translation
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from annotate.models import TrainingRun
from annotate.services import errors, training_states
from annotate.services.queue import AnotherTry
from annotate.services.training import fail_training, start_training
from annotate.services.training_lineage import inherit_licence, tell_lineage
from annotate.services.training_rows import check_pairs
from annotate.services.training_settings import FIELDS, PRESET_NAMES, count_parameters
from annotate.services.training_states import (
    begin_attempt,
    keep_training,
    move_training,
    resume_training,
    stop_training,
)
from annotate.services.training_words import PRESETS, WORDS
from annotate.services.training_work import TrainingWork
from tests import factories as make
from tests.services.trainings import export, make_base, plan_training, vote_on
from training.config import DpoRun
from training.run_files import parse_run

pytestmark = pytest.mark.django_db

State = TrainingRun.State


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


def jobs_of(training_run: TrainingRun) -> int:
    arguments = {"training_run_id": training_run.pk}
    return ProcrastinateJob.objects.filter(args=arguments, status="todo").count()


def details_of(training_run: TrainingRun) -> list[dict[str, Any]]:
    """Give what the run's log says of the training, without its number and name."""
    events = training_run.base.run.events.filter(kind="training").order_by("id")
    return [
        {name: value for name, value in event.detail.items() if name not in ("training", "failure")}
        for event in events
    ]


def begin(training_run: TrainingRun, home: Path) -> TrainingWork:
    assert begin_attempt(training_run=training_run)
    folder = home / "work"
    folder.mkdir(exist_ok=True)
    return TrainingWork(
        training_run=training_run,
        metrics=folder / "metrics.jsonl",
        control=folder / "control",
        on_metrics=lambda row: None,
    )


def test_settings_are_the_presets_and_what_was_wished_for_before_them() -> None:
    training_run = plan_training(preset="tiny-cpu", epochs=3.0)
    config = parse_run(training_run.config)
    assert isinstance(config, DpoRun)
    assert (training_run.preset, config.epochs) == ("tiny-cpu", 3.0)
    assert config.learning_rate != 1e-6  # the default


def test_everything_of_a_training_lies_in_its_folder(home: Path) -> None:
    training_run = plan_training()
    config = training_run.config
    folder = home / "training" / str(training_run.pk)
    names = ("pairs", "control", "lineage", "metrics", "output_dir")
    assert {Path(config[name]).parent for name in names} == {folder}
    assert config["reference_cache"] == str(home / "training" / "references")
    assert config["slow_tokenizer"] is False


def test_tokenizer_is_the_one_that_the_base_was_sampled_with() -> None:
    run = vote_on({}, {})
    base = make_base(run, tokenizer={"use_fast": False}, revision="abc")
    config = start_training(dataset=export(run), base=base).config
    assert (config["slow_tokenizer"], config["revision"]) == (True, "abc")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"preset": "shisa"}, "follows from the number of the model’s parameters"),
        ({"preset": "none-such"}, "No preset of a training is called “none-such”; there is"),
        ({"epoch": 3}, "A training has no setting “epoch”; there is 'epochs'"),
        ({"output_dir": "/etc"}, "A training has no setting “output_dir”"),
        ({"beta": 0.0}, "beta: 0.0 does not fit; a number above 0 is right"),
        ({"epochs": "many"}, "epochs: 'many' does not fit; a number is right"),
        ({"gate_alpha": 0.7}, "The chance of an error is 0.7; it must be above 0"),
        ({"gate_alpha": 0.05, "opens_round": False}, "needs the next round"),
        ({"gate_alpha": 0.05}, "has no held-out prompt"),
        ({"child_name": "good"}, "has a candidate “good” already; choose another name"),
    ],
)
def test_start_training_refuses(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.TrainingRefused) as refusal:
        plan_training(**fields)
    assert said in str(refusal.value)
    assert not TrainingRun.objects.exists()


def test_names_of_children_that_are_being_trained_are_taken() -> None:
    first = plan_training()
    second = start_training(dataset=first.dataset, base=first.base)
    assert (first.child_name, second.child_name) == ("base dpo1", "base dpo2")
    with pytest.raises(errors.TrainingRefused, match="has a candidate “base dpo1” already"):
        start_training(dataset=first.dataset, base=first.base, child_name="base dpo1")


def test_planning_is_in_the_log_with_who_did_it() -> None:
    admin = make.make_user("admin")
    training_run = plan_training(created_by=admin)
    (event,) = training_run.base.run.events.filter(kind="training")
    assert event.by == admin
    assert event.detail == {
        "training": training_run.pk, "candidate": "base dpo1",
        "dataset": training_run.dataset_id, "to": "queued",
    }  # fmt: skip


def test_licences_that_allow_no_commerce_are_inherited_from_texts() -> None:
    run = vote_on({}, {})
    run.candidates.filter(name="bad").update(licence="CC-BY-NC-SA-4.0")
    run.candidates.filter(name="good").update(licence="Llama 3.1")
    base = make_base(run, licence="Apache-2.0")
    training_run = start_training(dataset=export(run), base=base)
    assert training_run.licence == "Apache-2.0 AND CC-BY-NC-SA-4.0"
    lineage = tell_lineage(
        training_run=training_run, pairs=check_pairs(dataset=training_run.dataset)
    )
    assert lineage["licence"] == training_run.licence
    assert lineage["licences"] == ["Apache-2.0", "Llama 3.1", "CC-BY-NC-SA-4.0"]
    told = {each["candidate"]: each["relation"] for each in lineage["sources"]}
    assert told == {"base": "itself", "good": "texts", "bad": "texts"}
    assert lineage["votes"] == {"person": 2}
    assert (lineage["name"], lineage["parent"], lineage["run"]) == ("base dpo1", "base", run.slug)
    assert (lineage["languages"], lineage["dataset_sha256"]) == (
        ["en"],
        training_run.dataset.sha256,
    )


def test_licences_are_joined_once() -> None:
    sources = [
        {"relation": "itself", "licence": "MIT AND CC-BY-NC-4.0", "is_non_commercial": True},
        {"relation": "texts", "licence": "CC-BY-NC-4.0", "is_non_commercial": True},
        {"relation": "parent", "licence": "Llama 3.1", "is_non_commercial": False},
    ]
    assert inherit_licence(sources) == "MIT AND CC-BY-NC-4.0"
    assert inherit_licence([]) == ""


def test_parameters_are_counted_in_the_models_files(tmp_path: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]},
              "b": {"dtype": "F32", "shape": [], "data_offsets": [48, 52]},
              "__metadata__": {"format": "pt"}}  # fmt: skip
    encoded = json.dumps(header).encode()
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(encoded).to_bytes(8, "little") + encoded + bytes(52))
    run = make.make_run()
    assert count_parameters(make_base(run, model=str(tmp_path))) == 13
    preset = make_base(run, name="p", model="org/m", preset="shisa-7b-v1")
    assert count_parameters(preset) == 7_000_000_000
    assert count_parameters(make_base(run, name="hub", model="org/m")) is None


@pytest.mark.parametrize(
    "wishes",
    [
        {"epochs": 0.0}, {"seed": -1}, {"max_length": 1}, {"warmup_ratio": 1.0},
        {"eval_share": 0.6}, {"label_smoothing": 0.5}, {"weight_decay": -1.0}, {"dtype": "int8"},
        {"loss_type": ()}, {"loss_type": ("dpo",)}, {"loss_weights": (1.0, 2.0)},
        {"loss_weights": (0.0,)}, {"loss_type": ("exo_pair",)}, {"epochs": "1"},
        {"batch_size": 1.5},
        {"loss_type": ("aot",), "weight_by": "margin"}, {"lora_rank": 4, "lisa_layers": 2},
        {"eval_share": 0.1, "eval_pairs": "f"}, {"sharding": "deepspeed"}, {"dtype": 3},
        {"lisa_layers": 2, "sharding": "fsdp"}, {"merge_adapter": 1}, {"loss_type": "sft"},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_does_not_fit_is_said_in_the_readers_language(wishes: dict[str, Any]) -> None:
    with translation.override("ja"), pytest.raises(errors.TrainingRefused) as refusal:
        plan_training(**wishes)
    assert refusal.value.field in FIELDS
    said = re.fullmatch(r"\w+: .*は使えません。(.*)", str(refusal.value), re.DOTALL)
    assert said is not None
    assert re.search("ください|ません|必要です", said[1])


def test_every_setting_and_preset_has_words() -> None:
    assert set(WORDS) == set(FIELDS)
    assert set(PRESETS) == set(PRESET_NAMES)


def test_training_that_waits_is_stopped_at_once_and_can_go_on() -> None:
    training_run, admin = plan_training(), make.make_user("admin")
    stop_training(training_run=training_run, by=admin)
    assert training_run.state == State.STOPPED
    assert not begin_attempt(training_run=training_run)
    before = jobs_of(training_run)
    resume_training(training_run=training_run, by=admin)
    assert (training_run.state, training_run.finished_at) == (State.QUEUED, None)
    assert jobs_of(training_run) == before + 1
    assert details_of(training_run)[1:] == [
        {"candidate": "base dpo1", "from": "queued", "to": "stopped"},
        {"candidate": "base dpo1", "from": "stopped", "to": "queued"},
    ]
    last = training_run.base.run.events.order_by("id").last()
    assert last is not None
    assert last.by == admin


@pytest.mark.parametrize(("wish", "ask"), [("stop", stop_training), ("keep", keep_training)])
def test_wish_reaches_the_trainers_file(wish: str, ask: Any, home: Path) -> None:
    training_run = plan_training()
    work = begin(training_run, home)
    work.tick()
    assert not (home / "work" / "control").exists()
    ask(training_run=training_run)
    ask(training_run=training_run)  # pressed twice it is one wish
    work.tick()
    assert (home / "work" / "control").read_text() == wish
    assert [each for each in details_of(training_run) if "wish" in each] == [
        {"candidate": "base dpo1", "wish": wish}
    ]


def test_wish_of_an_earlier_attempt_is_gone(home: Path) -> None:
    training_run = plan_training()
    work = begin(training_run, home)
    stop_training(training_run=training_run)
    work.tick()
    move_training(training_run=training_run, to=State.STOPPED)
    resume_training(training_run=training_run)
    begin(training_run, home).tick()
    assert not (home / "work" / "control").exists()


def test_stop_that_was_wished_before_a_kill_is_not_forgotten(home: Path) -> None:
    training_run = plan_training()
    begin(training_run, home)
    stop_training(training_run=training_run)
    assert not begin_attempt(training_run=training_run)
    assert training_run.state == State.STOPPED


def test_what_cannot_be_done_in_a_state_is_refused() -> None:
    training_run = plan_training()
    with pytest.raises(errors.WrongState, match="has not begun: there are no weights"):
        keep_training(training_run=training_run)
    with pytest.raises(errors.WrongState, match="neither stopped nor failed"):
        resume_training(training_run=training_run)
    begin_attempt(training_run=training_run)
    move_training(training_run=training_run, to=State.FINISHED)
    for act in (stop_training, keep_training, resume_training):
        with pytest.raises(errors.WrongState, match="finished"):
            act(training_run=training_run)
    with pytest.raises(errors.WrongState, match="finished"):
        move_training(training_run=training_run, to=State.QUEUED)


def test_metrics_are_kept_by_step_with_their_evaluation(home: Path) -> None:
    training_run = plan_training()
    work = begin(training_run, home)
    rows = [
        {"started": True, "method": "dpo", "step": 0, "total_steps": 2, "pairs": 2, "tokens": 90},
        {"step": 1, "total_steps": 2, "loss": 0.7, "tokens_per_s": 9.0},
        {"step": 1, "total_steps": 2, "eval_loss": 0.6, "tokens_per_s": None},
        {"step": 2, "total_steps": 2, "loss": 0.5, "tokens_per_s": None},
        {"finished": True, "step": 2, "total_steps": 2, "loss": 0.5},
    ]
    file = home / "work" / "metrics.jsonl"
    lines = [json.dumps(row) + "\n" for row in rows]
    file.write_text("".join(lines[:2]) + lines[2][:10])
    work.tick()
    assert list(training_run.metrics.values_list("step", flat=True)) == [1]
    file.write_text("".join(lines))
    work.tick()
    assert list(training_run.metrics.values_list("values", flat=True)) == [
        {"step": 1, "total_steps": 2, "loss": 0.7, "tokens_per_s": 9.0, "eval_loss": 0.6},
        {"step": 2, "total_steps": 2, "loss": 0.5, "tokens_per_s": None},
    ]
    training_run.refresh_from_db()
    assert training_run.forecast == {"pairs": 2, "tokens": 90}


def test_metrics_of_a_killed_attempt_are_kept_when_the_next_begins(home: Path) -> None:
    training_run = plan_training()
    begin(training_run, home)
    file = home / "work" / "metrics.jsonl"
    half = '{"started": true, "examples": [{"text": "a"}\n'
    file.write_text('{"step": 1, "loss": 0.7}\n' + half + '{"step": 2, "loss": 0.6}\n{"st')
    work = begin(training_run, home)
    assert list(training_run.metrics.values_list("step", flat=True)) == [1, 2]
    file.write_text('{"step": 3, "loss": 0.5}\n')
    work.tick()
    assert list(training_run.metrics.values_list("step", flat=True)) == [1, 2, 3]


def test_training_that_another_worker_took_over_is_left_alone(home: Path) -> None:
    training_run = plan_training()
    work = begin(training_run, home)
    begin_attempt(training_run=TrainingRun.objects.get())
    work.tick()
    assert not work.is_wanted
    assert not move_training(training_run=training_run, to=State.FAILED, of_attempt=1, failure="x")
    assert TrainingRun.objects.get().state == State.RUNNING


def test_interrupted_training_is_tried_again_and_fails_at_last() -> None:
    training_run = plan_training()
    begin_attempt(training_run=training_run)
    move_training(training_run=training_run, to=State.QUEUED, of_attempt=1)
    strategy = AnotherTry()
    for attempts, is_retried in ((0, True), (1, True), (2, False)):
        job = Job(
            id=1, queue="gpu", lock=None, queueing_lock=None, task_name="train", attempts=attempts
        )
        decision = strategy.get_retry_decision(exception=errors.TrainingInterrupted("x"), job=job)
        assert (decision is not None) == is_retried
    fail_training(training_run=training_run, attempt=1, failure="error: killed by SIGKILL")
    assert (training_run.state, training_run.failure) == (State.FAILED, "killed by SIGKILL")


def test_training_without_a_worker_fails_and_can_be_tried_again(home: Path) -> None:
    training_run = plan_training()
    begin(training_run, home).tick()
    long_ago = timezone.now() - timedelta(minutes=3)
    TrainingRun.objects.update(seen_at=long_ago)
    assert training_states.fail_lost() == 0  # its job waits
    quiet = plan_training(is_queued=False)
    TrainingRun.objects.filter(pk=quiet.pk).update(created_at=long_ago)
    assert training_states.fail_lost() == 1
    quiet.refresh_from_db()
    assert (quiet.state, "without a word" in quiet.failure) == (State.FAILED, True)
    resume_training(training_run=quiet)
    assert (quiet.state, quiet.failure) == (State.QUEUED, "")
