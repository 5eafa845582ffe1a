"""`manage.py train`: an option for every setting, and what becomes of it."""

from argparse import ArgumentParser
from typing import Any

import pytest

from annotate.management.training_options import add_settings, read_settings
from annotate.models import Candidate, SelectionRun, TrainingRun
from annotate.services.training_settings import FIELDS
from tests.commands.conftest import Run
from tests.services.trainings import make_base, vote_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def base(db: None, home: Any) -> Candidate:
    return make_base(vote_on({}, {}))


def plan(run: Run, base: Candidate, *options: str) -> TrainingRun:
    """Queue a training with these options."""
    said = run("train", base.run.slug, "--candidate", base.name, "--queue", *options)
    assert said.endswith("waits for a worker\n")
    return TrainingRun.objects.latest("pk")


def test_options_are_settings(run: Run, base: Candidate) -> None:
    config = plan(
        run, base, "--preset", "tiny-cpu", "--lr", "2e-4",
        "--loss-type", "sigmoid", "sft", "robust",
        "--loss-weights", "1", "0.5", "2", "--lora-rank", "8", "--no-merge-adapter", "--eval-share",
        "0.2", "--label-smoothing", "none", "--weight-by", "margin", "--checkpoint-every", "10",
    ).config  # fmt: skip
    wished = {
        "learning_rate": 2e-4, "loss_type": ["sigmoid", "sft", "robust"],
        "loss_weights": [1, 0.5, 2], "lora_rank": 8, "merge_adapter": False, "eval_share": 0.2,
        "label_smoothing": None, "weight_by": "margin", "checkpoint_every": 10,
    }  # fmt: skip
    assert {name: config[name] for name in wished} == wished
    assert config["max_length"] == 256  # the preset's


def test_every_setting_has_an_option() -> None:
    parser = ArgumentParser()
    add_settings(parser)
    assert {action.dest for action in parser._actions} - {"help"} == set(FIELDS)
    assert read_settings(vars(parser.parse_args([]))) == {}


def test_files_are_found_from_where_the_command_runs(run: Run, base: Candidate) -> None:
    config = plan(run, base, "--tensorboard", "logs").config
    assert config["tensorboard"].startswith("/")


def test_what_follows_the_training(run: Run, base: Candidate) -> None:
    base.run.prompts().filter(key="p1").update(is_held_out=True)
    training_run = plan(run, base, "--must-win", "--next-votes", "40")
    assert (training_run.gate_alpha, training_run.next_round_votes) == (0.05, 40)
    assert plan(run, base, "--must-win", "0.01").gate_alpha == 0.01


def test_dataset_that_is_there_is_trained_on_again(run: Run, base: Candidate) -> None:
    first = plan(run, base)
    again = plan(run, base, "--dataset", str(first.dataset_id))
    assert again.dataset == first.dataset
    assert base.run.datasets.count() == 1


def test_train_says_what_is_wrong(refused: Run, base: Candidate) -> None:
    words = ("train", base.run.slug, "--candidate", base.name)
    assert (
        refused(*words, "--dataset", "99") == f"run {base.run.slug} has no dataset 99; it has: none"
    )
    assert refused(*words, "--loss-type", "dpo").startswith(
        "Error: argument --loss-type: 'dpo' is none of: aot, aot_unpaired"
    )
    assert refused(*words, "--epochs", "many") == "Error: argument --epochs: 'many' is not a number"
    assert refused(*words, "--lora-rank", "4", "--lisa-layers", "2") == (
        "lisa_layers: 2 does not fit; LISA trains whole layers, and goes with no LoRA rank"
    )
    assert not SelectionRun.objects.get().datasets.exists()
