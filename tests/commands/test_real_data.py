"""The real grid of Shisa 7B and the real crowd of LLMFAO, by the commands that people use."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count

from annotate.models import Candidate, Comparison, Completion, Prompt, SelectionRun, Vote
from annotate.services import voting
from annotate.services.annotators import annotator_of
from tests import factories as make
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db


def test_shisa_grid_imports_into_one_run(real_data: Path, run: Run) -> None:
    files = sorted((real_data / "shisa" / "generations").glob("*.json.gz"))
    assert len(files) == 48
    command = ("import_completions", *files, "--run", "shisa7b")
    assert run(*command) == (
        "prompts in set shisa7b: 96 new, 0 there already\n"
        "candidates of run shisa7b: 24 new, 0 there already\n"
        "completions of run shisa7b: 4608 new, 0 there already\n"
        "completions that name their maker: 29 of the new ones; the run's rating rules say whether"
        " volunteers are shown those\n"
    )
    grid = SelectionRun.objects.get()
    assert grid.samples_per_prompt == 2
    languages = Counter(Prompt.objects.values_list("language", flat=True))
    assert languages == {"ja": 49, "en": 47}
    cells = Completion.objects.values("candidate", "prompt").annotate(n=Count("id"))
    assert set(cells.values_list("n", flat=True)) == {2}
    assert len(cells) == 24 * 96
    temperatures = Counter(each.sampling["temperature"] for each in Candidate.objects.all())
    assert temperatures == {0.1: 6, 0.4: 6, 0.7: 6, 1.0: 6}
    assert run(*command).splitlines()[-1] == (
        "completions of run shisa7b: 0 new, 4608 there already"
    )
    volunteer = annotator_of(user=make.make_user())
    comparison = voting.lease_comparison(round_=grid.rounds.get(), annotator=volunteer)
    assert comparison.candidate_a != comparison.candidate_b
    vote = voting.record_vote(token=comparison.token, annotator=volunteer, choice="left")
    assert vote.outcome == ("a" if comparison.side_a == "left" else "b")


@pytest.fixture
def llmfao(real_data: Path, run: Run) -> Path:
    """Import LLMFAO's completions and votes into run `llmfao`; give its folder."""
    folder = real_data / "llmfao"
    run("import_completions", folder / "results.jsonl", "--run", "llmfao")
    said = run("import_votes", folder / "crowd-comparisons.csv", "--run", "llmfao")
    assert said == "votes of run llmfao: 8931 new, 0 there already\n"
    return folder


def test_llmfao_votes_stand_as_the_crowd_cast_them(llmfao: Path, run: Run) -> None:
    """Winner and side of every vote, put together again from what is stored."""
    stored = Counter(
        (key, a if side == "left" else b, b if side == "left" else a, {"a": a, "b": b}.get(outcome))
        for key, a, b, outcome, side in Vote.objects.values_list(
            "comparison__prompt__key",
            "comparison__candidate_a__name",
            "comparison__candidate_b__name",
            "outcome",
            "comparison__side_a",
        )
    )
    cast = Counter(
        (row["prompt"], row["left"], row["right"], row.get(row["winner"]))
        for row in read_crowd(llmfao)
    )
    assert stored == cast
    assert Counter(Vote.objects.values_list("outcome", flat=True))["tie"] == 3471
    assert Comparison.objects.values("annotator").distinct().count() == 124
    again = run("import_votes", llmfao / "crowd-comparisons.csv", "--run", "llmfao")
    assert again == "votes of run llmfao: 0 new, 8931 there already\n"
    assert Vote.objects.count() == 8931


def test_llmfao_ranks_as_two_public_libraries_do(llmfao: Path, run: Run) -> None:
    reference = json.loads((llmfao / "reference.json").read_text(encoding="utf-8"))["candidates"]
    answer = json.loads(run("rank", "llmfao", "--json", "--prior", "0"))
    assert (answer["votes"], len(answer["candidates"])) == (8931, 70)
    voted = {row["name"]: row for row in answer["candidates"] if row["strength"] is not None}
    assert voted.keys() == reference.keys()
    for name, expected in reference.items():
        assert voted[name]["votes"] == expected["votes"]
        for library in ("choix", "evalica"):
            strength = expected[f"strength_{library}"]
            assert voted[name]["strength"] == pytest.approx(strength, abs=1e-6)


def test_llmfao_ranks_by_category(llmfao: Path, run: Run) -> None:
    answer = json.loads(run("rank", "llmfao", "--by", "category", "--json"))
    types = {str(row["id"]): row["type"] for row in read_rows(llmfao / "prompts.jsonl")}
    expected = Counter(types[row["prompt"]] for row in read_crowd(llmfao))
    assert {each["value"]: each["votes"] for each in answer["slices"]} == expected


def test_llmfao_becomes_pairs(llmfao: Path, run: Run, tmp_path: Path) -> None:
    """Majorities counted from the file itself: ties and empty replies make no pair."""
    replies = {(str(row["prompt"]), row["name"]): row["result"].strip()
               for row in read_rows(llmfao / "results.jsonl")}  # fmt: skip
    leads: Counter[tuple[str, str, str]] = Counter()
    for row in read_crowd(llmfao):
        first, second = sorted((row["left"], row["right"]))
        step = {first: 1, second: -1}.get(row.get(row["winner"], "tie"), 0)
        leads[row["prompt"], first, second] += step
    pairs = [
        (prompt, *((first, second) if lead > 0 else (second, first)))
        for (prompt, first, second), lead in leads.items()
        if lead and replies[prompt, first] and replies[prompt, second]
    ]
    out = tmp_path / "pairs.jsonl"
    run("export", "llmfao", "--to", "dpo", "--out", out)
    found = [(row["prompt_id"], row["chosen_candidate"], row["rejected_candidate"])
             for row in read_rows(out)]  # fmt: skip
    assert sorted(found) == sorted(pairs)


def read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_crowd(folder: Path) -> list[dict[str, str]]:
    with (folder / "crowd-comparisons.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
