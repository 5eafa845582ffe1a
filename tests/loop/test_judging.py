"""A worker judges what it is asked for, and one that was killed loses nothing."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from annotate.generation.judge_templates import read_template
from annotate.models import JudgeReading, JudgeSitting, Round, Vote
from annotate.services import judges, judging
from annotate.services.states import pause_run, resume_run
from tests import factories as make
from tests.tiny_judges import TEMPLATE, make_judge_model
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

N_PROMPTS = 500  # so many that a quick machine is not done when it is told to stop
REVIVAL_S = 300


def ask_a_judge(home: Path) -> JudgeSitting:
    """Queue a judge's comparisons of two candidates on many prompts; the second writes more."""
    round_ = make.make_open_round(n_prompts=0)
    for _prompt in range(N_PROMPTS):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for place, candidate in enumerate(round_.candidates.order_by("id")):
            make.make_completion(candidate, prompt, replies=["word " * (20 + 20 * place)])
    (home / "marked.toml").write_text(TEMPLATE, encoding="utf-8")
    judge = judges.make_judge(
        slug="tiny",
        model=str(make_judge_model(home / "model", prefers="longer")),
        engine="transformers",
        prompt_format="chat_template",
        template=judges.keep_template(read_template(home / "marked.toml")),
        sampling={"max_tokens": 4},
        engine_options={"device": "cpu", "batch_size": 1},
    )
    judges.add_judge(run=round_.run, judge=judge)
    return judging.judge_more(round_=round_, judge=judge, comparisons=N_PROMPTS)


def kill(worker: subprocess.Popen[str]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def check_everything_once(round_: Round) -> None:
    """Every pair was read once in each order, each by its own seed, and voted on once."""
    assert JudgeReading.objects.count() == 2 * N_PROMPTS
    assert list(Vote.objects.values_list("outcome", flat=True)) == ["b"] * N_PROMPTS
    assert Vote.objects.values("comparison").distinct().count() == N_PROMPTS
    assert round_.comparisons.unanswered().count() == 0
    assert JudgeReading.objects.values("seed").distinct().count() == 2 * N_PROMPTS


def test_killed_judge_goes_on(
    home: Path, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    sitting = ask_a_judge(home)
    worker = start_worker(name="first", one_shot=False)
    wait_until(lambda: JudgeReading.objects.count() > 10, seconds=120)
    kill(worker)
    before = dict(JudgeReading.objects.values_list("pk", "reply"))
    assert 0 < len(before) < 2 * N_PROMPTS
    worker = start_worker(name="second", one_shot=False)
    wait_until(lambda: JudgeSitting.objects.get(pk=sitting.pk).state == "done", seconds=REVIVAL_S)
    kill(worker)
    check_everything_once(sitting.round)
    assert before.items() <= dict(JudgeReading.objects.values_list("pk", "reply")).items()


def test_paused_judge_stops_within_moments_and_goes_on(
    home: Path, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    sitting = ask_a_judge(home)
    worker = start_worker(name="first", one_shot=False)
    wait_until(lambda: JudgeReading.objects.count() > 10, seconds=120)
    pause_run(run=sitting.round.run)
    wait_until(lambda: JudgeSitting.objects.get(pk=sitting.pk).state == "stopped", seconds=60)
    there = JudgeReading.objects.count()
    assert there < 2 * N_PROMPTS
    resume_run(run=sitting.round.run)
    wait_until(lambda: JudgeSitting.objects.get(pk=sitting.pk).state == "done", seconds=120)
    kill(worker)
    check_everything_once(sitting.round)
