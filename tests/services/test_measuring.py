"""Completions are measured once, in the background, and again where the code counts better."""

from typing import Any

import pytest
from django.core.management import call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.formats import CandidateRow, CompletionRow, PromptRow
from annotate.formats.rows import Location
from annotate.generation.measures import VERSION
from annotate.models import CompletionMeasure, SelectionRun
from annotate.services import measuring
from annotate.services.importing import import_completions
from tests import factories as make

pytestmark = pytest.mark.django_db


def make_japanese(run: SelectionRun, *replies: str) -> None:
    """Make a candidate that answers Japanese prompts, one for each reply."""
    candidate = make.make_candidate(run)
    for reply in replies:
        prompt = make.make_prompt(run.prompt_sets.get(), language="ja", turns=["猫は好き？"])
        make.make_completion(candidate, prompt, replies=[reply])


def test_measures_are_stored_with_the_version_of_the_code() -> None:
    run = make.make_run()
    make_japanese(run, "はい、goodです。", "  ")
    assert measuring.measure_missing(run=run) == 2
    first, second = CompletionMeasure.objects.order_by("pk")
    assert (first.version, first.n_characters, first.is_empty) == (VERSION, 10, False)
    assert first.leakage == pytest.approx(4 / 8)
    assert (second.leakage, second.is_empty) == (0, True)


def test_measured_completions_are_left_alone_until_they_are_old() -> None:
    run = make.make_run()
    make_japanese(run, "はい。")
    measuring.measure_missing(run=run)
    CompletionMeasure.objects.update(n_characters=99)
    assert measuring.measure_missing(run=run) == 0
    CompletionMeasure.objects.update(version=VERSION - 1)
    assert measuring.measure_missing(run=run) == 1
    assert CompletionMeasure.objects.get().n_characters == 3


def test_again_measures_all() -> None:
    run = make.make_run()
    make_japanese(run, "はい。", "いいえ。")
    measuring.measure_missing(run=run)
    assert measuring.measure_missing(run=run, again=True) == 2


def test_only_the_runs_own_are_measured() -> None:
    run, other = make.make_run(), make.make_run()
    make_japanese(run, "はい。")
    make_japanese(other, "いいえ。")
    assert measuring.measure_missing(run=run) == 1


def test_batches_miss_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "BATCH_SIZE", 2)
    run = make.make_run()
    make_japanese(run, *(f"{n}番です。" for n in range(5)))
    assert measuring.measure_missing(run=run) == 5


def test_what_the_prompt_asks_for_and_the_candidates_system_text_count() -> None:
    run = make.make_run()
    either = {"en": "Reply in either Japanese or English."}
    candidate = make.make_candidate(run, system_prompts=either)
    prompts = [
        make.make_prompt(run.prompt_sets.get(), category="translation-en-ja"),
        make.make_prompt(run.prompt_sets.get(), language="en-GB"),
        make.make_prompt(run.prompt_sets.get(), system="Be brief."),
    ]
    for prompt in prompts:
        make.make_completion(candidate, prompt, replies=["これは日本語です。"])
    measuring.measure_missing(run=run)
    measured = CompletionMeasure.objects.order_by("pk")
    assert [(each.leakage, each.languages) for each in measured] == [(0, []), (0, []), (1, ["ja"])]


def test_an_operators_words_are_at_home(settings: Any) -> None:
    run = make.make_run()
    make_japanese(run, "Kurabe の brand です")
    settings.LOAN_TOKENS = frozenset({"Brand"})
    measuring.measure_missing(run=run)
    assert CompletionMeasure.objects.get().leakage == 0


def test_an_import_asks_for_measures() -> None:
    at = Location("cats.jsonl", 1)
    prompt = PromptRow(key="p", turns=("猫は？",), language="ja", location=at)
    one = CandidateRow(name="one", location=at)
    row = CompletionRow(prompt="p", candidate=one, sample=0, replies=("good",), location=at)
    import_completions(rows=[prompt, row], run_slug="imported", set_slug="cats")
    run = SelectionRun.objects.get(slug="imported")
    assert waiting(run) == 1
    import_completions(rows=[prompt, row], run_slug="imported", set_slug="cats")
    assert waiting(run) == 1


def test_the_command_measures_one_run_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = make.make_run(slug="one"), make.make_run(slug="other")
    for run in (one, other):
        make_japanese(run, "はい。")
    call_command("measure", "--run", "one")
    assert "one: 1 completions measured" in capsys.readouterr().out
    call_command("measure")
    assert "other: 1 completions measured" in capsys.readouterr().out
    call_command("measure", "--run", "one", "--again")
    assert "one: 1 completions measured" in capsys.readouterr().out


def waiting(run: SelectionRun) -> int:
    """Count the jobs that wait to measure the run."""
    jobs = ProcrastinateJob.objects.filter(task_name="annotate.tasks.measure_missing")
    return jobs.filter(args={"run_id": run.pk}, status="todo").count()


def test_a_second_wish_while_the_first_waits_changes_nothing() -> None:
    run = make.make_run()
    measuring.request_measures(run=run)
    measuring.request_measures(run=run)
    assert waiting(run) == 1
