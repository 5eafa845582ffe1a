"""`score`, as it is typed."""

from pathlib import Path

import pytest

from annotate.models import Judge, JudgeScore
from tests import factories as make
from tests.commands.conftest import Run
from tests.tiny_judges import make_judge_model

pytestmark = pytest.mark.django_db


def test_score_prints_the_means(run: Run, tmp_path: Path) -> None:
    round_ = make.make_open_round(n_prompts=2)
    model = make_judge_model(tmp_path / "judge", prefers="first", letters=("[[7]]", "[[2]]"))
    run(
        *("make_judge", "scorer", "--template", "score", "--model", model),
        *("--engine", "transformers", "--engine-options", '{"device": "cpu"}'),
        *("--sampling", "max_tokens=4"),
    )
    words = ("score", round_.run.slug, "--judge", "scorer")
    said = run(*words)
    assert said.endswith("4 scores, 0 could not be read\n")
    assert said.count(": 7.00\n") == 2
    assert run(*words) == said
    assert JudgeScore.objects.count() == 4


def test_score_refuses_what_it_cannot_score(run: Run, refused: Run) -> None:
    round_ = make.make_open_round()
    slug = round_.run.slug
    assert "no judge is called 'nobody'" in refused("score", slug, "--judge", "nobody")
    run("make_judge", "pairs", "--model", "m", "--engine", "transformers")
    assert "compares pairs" in refused("score", slug, "--judge", "pairs")
    message = refused("score", slug, "--judge", "pairs", "--round", "3")
    assert message == f"run {slug} has no round 3"
    assert Judge.objects.count() == 1
