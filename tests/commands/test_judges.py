"""`make_judge` and `judge`, as they are typed."""

from pathlib import Path

import pytest

from annotate.models import Judge, JudgeSitting, Vote
from tests import factories as make
from tests.commands.conftest import Run
from tests.tiny_judges import TEMPLATE, make_judge_model

pytestmark = pytest.mark.django_db

PLAIN = ("--model", "m", "--engine", "openai", "--engine-options")
ENDPOINT = '{"endpoints": ["http://127.0.0.1:1/v1"]}'


def test_make_judge_says_what_it_made(run: Run) -> None:
    words = ("make_judge", "one", *PLAIN, ENDPOINT, "--sampling", "temperature=0.2", "top_p=0.9")
    assert run(*words) == "judge one is made: m, template pair v1\n"
    judge = Judge.objects.get()
    sampling = {name: judge.sampling[name] for name in ("temperature", "top_p", "max_tokens")}
    assert sampling == {"temperature": 0.2, "top_p": 0.9, "max_tokens": 1024}
    assert (judge.prompt_format, judge.annotator.name) == ("chat_template", "one")
    assert run(*words) == "judge one is there already: m, template pair v1\n"


def test_make_judge_takes_a_template_of_ones_own(run: Run, refused: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEMPLATE, encoding="utf-8")
    said = run("make_judge", "one", *PLAIN, ENDPOINT, "--template-file", file)
    assert said.endswith("template marked v1\n")
    file.write_text("name = 3", encoding="utf-8")
    message = refused("make_judge", "two", *PLAIN, ENDPOINT, "--template-file", file)
    assert message == f"{file}: version is missing; a template has name, version, use, texts"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--template", "poem"], "there is no template poem for this"),
        (["--sampling", "temperature"], "'temperature' is none of NAME=VALUE"),
        (["--sampling", "heat=1"], "sampling has unknown keys heat"),
        (["--tokenizer", "[]"], "'[]' is no JSON object"),
        (["--tokenizer", "{"], "'{' cannot be read as JSON"),
    ],
)
def test_make_judge_refuses(refused: Run, words: list[str], message: str) -> None:
    assert message in refused("make_judge", "one", *PLAIN, ENDPOINT, *words)
    assert not Judge.objects.exists()


def test_make_judge_refuses_names_that_mean_something_else(refused: Run) -> None:
    assert refused("make_judge", "people", *PLAIN, ENDPOINT) == "people is no name for a judge."


@pytest.mark.slow
def test_judge_judges_and_says_what_came_of_it(run: Run, tmp_path: Path) -> None:
    round_ = make.make_open_round(n_prompts=0)
    for _prompt in range(2):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for place, candidate in enumerate(round_.candidates.order_by("id")):
            make.make_completion(candidate, prompt, replies=["word " * (4 + 9 * place)])
    model, file = make_judge_model(tmp_path / "model", prefers="longer"), tmp_path / "marked.toml"
    file.write_text(TEMPLATE, encoding="utf-8")
    run(
        "make_judge", "tiny", "--model", model, "--engine", "transformers", "--template-file", file,
        "--sampling", "max_tokens=4", "--engine-options", '{"device": "cpu"}',
    )  # fmt: skip
    said = run("judge", round_.run.slug, "--judge", "tiny", "--comparisons", 3)
    assert said == "tiny, round 1: 2 votes (2 b); nothing is left to compare after 2\n"
    assert Vote.objects.count() == 2
    assert JudgeSitting.objects.get().state == "done"
    assert list(round_.run.judges.all()) == [Judge.objects.get()]


def test_judge_refuses_what_is_not_there(run: Run, refused: Run) -> None:
    round_ = make.make_open_round()
    slug = round_.run.slug
    asked = ("--comparisons", 1)
    assert "make_judge makes one" in refused("judge", slug, "--judge", "x", *asked)
    run("make_judge", "one", *PLAIN, ENDPOINT)
    assert "there is 'one'" in refused("judge", slug, "--judge", "x", *asked)
    message = refused("judge", slug, "--judge", "one", *asked, "--round", 2)
    assert message == f"run {slug} cannot be judged there: round 1 is open"
    assert "no run is called" in refused("judge", "nowhere", "--judge", "one", *asked)
