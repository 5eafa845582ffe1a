"""Judges score replies by themselves: a real engine, each turn, as often as asked, once each."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from annotate.generation.judge_templates import Template
from annotate.models import Completion, Judge, JudgeScore, Round, RunEvent, SelectionRun, Vote
from annotate.services import errors, judges, judging, scoring
from annotate.services.scores import read_scores
from tests import factories as make
from tests.tiny_judges import make_judge_model

pytestmark = pytest.mark.django_db

LONG = "word " * 60
PARTS = {
    "system": "", "user": "{conversation} <begin B>" + " word" * 30 + " <end B>",
    "user_with_reference": "{conversation} <begin B> {reference} <end B>",
    "begin": "<begin A> {fence}", "end": "<end A> {fence}", "reference_begin": "{fence}",
    "reference_end": "{fence}", "system_turn": "{fence}", "user_turn": "{fence}",
    "assistant_turn": "{fence}",
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a judge that gives 8 to a conversation that is longer than what it compares it with."""
    folder = tmp_path_factory.mktemp("scorer")
    return make_judge_model(folder, prefers="longer", letters=("[[8]]", "[[2]]"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


def make_scorer(model: Path | str, slug: str = "scorer") -> Judge:
    template = Template(name="marked-score", version=1, use="score", texts={"en": PARTS})
    return judges.make_judge(
        slug=slug,
        model=str(model),
        engine="transformers",
        prompt_format="chat_template",
        template=judges.keep_template(template),
        sampling={"max_tokens": 4},
        engine_options={"device": "cpu", "batch_size": 16},
    )


def open_round() -> Round:
    """Open a round of a long and a short candidate, on a question of two turns and one of one."""
    round_ = make.make_open_round(n_prompts=0)
    prompt_set = round_.run.prompt_sets.get()
    prompts = [
        make.make_prompt(prompt_set, turns=["A?", "B?"], category="chat"),
        make.make_prompt(prompt_set, category="math", references=[LONG * 2]),
    ]
    for text, candidate in zip(("Yes.", LONG), round_.candidates.order_by("id"), strict=True):
        for prompt in prompts:
            make.make_completion(candidate, prompt, replies=[text for _turn in prompt.turns])
    return round_


def score_now(round_: Round, judge: Judge, choices: int = 1) -> None:
    """Let a judge score a round in this process."""
    sitting = scoring.score_round(round_=round_, judge=judge, choices=choices, is_queued=False)
    judging.judge_sitting(sitting=sitting)
    sitting.refresh_from_db()
    assert (sitting.state, sitting.failure) == ("done", "")


def test_each_turn_is_scored_beside_its_right_answer_where_there_is_one(model: Path) -> None:
    round_, judge = open_round(), make_scorer(model)
    score_now(round_, judge)
    short, long = round_.candidates.order_by("id")
    rows = JudgeScore.objects.order_by("completion__candidate", "completion__prompt", "turn")
    of = "completion__candidate"
    assert list(rows.values_list(of, "turn", "score", "had_reference")) == [
        (short.pk, 1, 2, False), (short.pk, 2, 2, False), (short.pk, 1, 2, True),
        (long.pk, 1, 8, False), (long.pk, 2, 8, False), (long.pk, 1, 2, True),
    ]  # fmt: skip
    first = rows.first()
    assert first is not None
    assert first.reply == "[[2]]"
    assert first.engine_version.startswith("transformers ")
    assert len(first.rendered_prompt_sha256) == 64
    assert len(set(rows.values_list("seed", flat=True))) == 6
    assert not Vote.objects.exists()
    found = read_scores(run=round_.run, judge=judge)
    assert [(mean.mean, mean.n_questions) for mean in found.means if mean.category is None][:1] == [
        (5, 2)
    ]


@pytest.mark.slow
def test_scores_are_given_once_and_more_choices_add_to_them(model: Path) -> None:
    round_, judge = open_round(), make_scorer(model)
    score_now(round_, judge)
    before = set(JudgeScore.objects.values_list("pk", flat=True))
    score_now(round_, judge, choices=2)
    assert before < set(JudgeScore.objects.values_list("pk", flat=True))
    assert sorted(JudgeScore.objects.values_list("choice", flat=True)) == [0] * 6 + [1] * 6
    score_now(round_, judge)
    assert JudgeScore.objects.count() == 12


@pytest.mark.slow
def test_new_completions_alone_are_scored_and_seeds_are_the_same_in_any_order(model: Path) -> None:
    round_, judge = open_round(), make_scorer(model)
    score_now(round_, judge)
    late = Completion.objects.earliest("id")
    make.make_completion(late.candidate, late.prompt, sample=1, replies=["No.", "No."])
    work = scoring.ScoringWork(
        sitting=round_.sittings.get(), should_stop=lambda: False, on_reading=lambda n, of: None
    )
    assert len(work.find_missing()) == 2
    seeds = {wanted.seed for wanted in work.find_missing().values()}
    assert seeds.isdisjoint(JudgeScore.objects.values_list("seed", flat=True))


def test_model_that_cannot_be_loaded_is_said_and_nothing_is_scored() -> None:
    round_, judge = open_round(), make_scorer("/models/nowhere")
    sitting = scoring.score_round(round_=round_, judge=judge, is_queued=False)
    with pytest.raises(errors.GenerationFailed, match="/nowhere"):
        judging.judge_sitting(sitting=sitting)
    sitting.refresh_from_db()
    assert sitting.state == "failed"
    assert "/nowhere" in sitting.failure
    assert not JudgeScore.objects.exists()


def test_what_cannot_be_scored_is_refused() -> None:
    round_, judge = open_round(), make_scorer("m")
    pairs = judges.find_template("pair", use="pair")
    comparer = judges.make_judge(
        slug="pairs", model="m", engine="transformers", prompt_format="chatml", template=pairs
    )
    with pytest.raises(errors.JudgeRefused, match="compares pairs"):
        scoring.score_round(round_=round_, judge=comparer)
    with pytest.raises(errors.JudgeRefused, match="from 1 to 100 times"):
        scoring.score_round(round_=round_, judge=judge, choices=0)
    with pytest.raises(errors.JudgeRefused, match="No candidate"):
        scoring.score_round(round_=make.make_open_round(n_prompts=0), judge=judge)
    SelectionRun.objects.filter(pk=round_.run_id).update(
        state="closed", cancelled_at=timezone.now()
    )
    with pytest.raises(errors.WrongState, match="cancelled"):
        scoring.score_round(round_=round_, judge=judge)


@pytest.mark.slow
def test_scores_of_a_closed_run_are_given_and_the_log_says_who_asked(model: Path) -> None:
    round_, judge, admin = open_round(), make_scorer(model), make.make_user("admin")
    SelectionRun.objects.filter(pk=round_.run_id).update(state="closed")
    sitting = scoring.score_round(round_=round_, judge=judge, by=admin, is_queued=False)
    judging.judge_sitting(sitting=sitting)
    assert JudgeScore.objects.count() == 6
    event = RunEvent.objects.get(kind="judges")
    assert (event.by, event.detail["scores"]) == (admin, 6)
