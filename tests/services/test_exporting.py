"""Votes become pairs by a stated rule, and the same votes give the same bytes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas
import pytest
from django.conf import LazySettings
from django.utils import timezone
from pyarrow import parquet

from annotate.models import Completion, PreferenceDataset, Prompt, Round, Vote
from annotate.services import errors, voting
from annotate.services.exporting import (
    ensure_file,
    export_dataset,
    left_out_of,
    path_of,
    recipe_of,
    votes_behind,
    votes_of,
)
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path
    return tmp_path


def make_pair(outcomes: str, *, round_: Round | None = None, **prompt: Any) -> Round:
    """Let two candidates answer a prompt, and annotators vote: one letter of abt- each."""
    round_ = round_ or make.make_open_round(n_candidates=2, n_prompts=0)
    asked = make.make_prompt(round_.run.prompt_sets.get(), **prompt)
    a, b = (make.make_completion(each, asked) for each in round_.candidates.order_by("id"))
    vote_on(round_, a, b, outcomes)
    return round_


def vote_on(round_: Round, a: Completion, b: Completion, outcomes: str, **fields: Any) -> None:
    for letter in outcomes:
        outcome = {"a": "a", "b": "b", "t": "tie", "-": "both_bad"}[letter]
        comparison = make.make_comparison(a, b, round_=round_, annotator=make.make_annotator())
        make.make_vote(comparison, outcome, **fields)


def rows_of(dataset: PreferenceDataset, home: Path) -> list[dict[str, Any]]:
    text = (home / dataset.path).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def export(round_: Round, **fields: Any) -> PreferenceDataset:
    return export_dataset(votes_of(round_.run.slug, **fields))


def test_export_writes_every_column(home: Path) -> None:
    round_ = make_pair("bbat-", key="p 1", system="丁寧に。", turns=["質問?"], language="ja",
                       category="joke")  # fmt: skip
    a, b = round_.candidates.order_by("id")
    dataset = export(round_)
    assert rows_of(dataset, home) == [
        {
            "prompt": [
                {"role": "system", "content": "丁寧に。"},
                {"role": "user", "content": "質問?"},
            ],
            "chosen": [{"role": "assistant", "content": b.completions.get().replies[0]}],
            "rejected": [{"role": "assistant", "content": a.completions.get().replies[0]}],
            "source": f"votes:{round_.run.slug}",
            "run": round_.run.slug,
            "prompt_set": round_.run.prompt_sets.get().slug,
            "prompt_id": "p 1",
            "n_turns": 1,
            "language": "ja",
            "category": "joke",
            "chosen_candidate": b.name,
            "chosen_sample": 0,
            "rejected_candidate": a.name,
            "rejected_sample": 0,
            "votes_chosen": 2,
            "votes_rejected": 1,
            "votes_tie": 1,
            "votes_both_bad": 1,
            "n_votes": 5,
            "margin": pytest.approx(1 / 3),
            "agreement": pytest.approx(2 / 3),
            "weight": 1.0,
            "annotator_kinds": ["person"],
        }
    ]
    assert (dataset.n_pairs, dataset.counts["rows"], left_out_of(dataset.counts)) == (1, 1, {})
    assert recipe_of(dataset) == votes_of(round_.run.slug, cutoff=dataset.cutoff)


@pytest.mark.parametrize(
    ("outcomes", "rule", "reason"),
    [
        ("t", {}, "no_decisive_vote"),
        ("--t", {}, "no_decisive_vote"),
        ("ab", {}, "margin_too_small"),
        ("abtt-", {}, "margin_too_small"),
        ("a", {"min_votes": 2}, "too_few_votes"),
        ("att", {"min_votes": 2}, "too_few_votes"),
        ("aab", {"margin": 2}, "margin_too_small"),
    ],
)
def test_export_leaves_a_pair_out_and_says_why(
    outcomes: str, rule: dict[str, int], reason: str, home: Path
) -> None:
    round_ = make_pair("bbb")
    make_pair(outcomes, round_=round_)
    dataset = export(round_, **rule)
    assert (dataset.n_pairs, left_out_of(dataset.counts)) == (1, {reason: 1})
    assert [row["votes_chosen"] for row in rows_of(dataset, home)] == [3]


@pytest.mark.parametrize(
    ("outcomes", "rule", "chosen"),
    [
        ("a", {}, "a"),
        ("b", {}, "b"),
        ("abb", {}, "b"),
        ("aatttt", {"min_votes": 2, "margin": 2}, "a"),
        ("abbb", {"min_votes": 4, "margin": 2}, "b"),
    ],
)
def test_export_takes_the_majority(
    outcomes: str, rule: dict[str, int], chosen: str, home: Path
) -> None:
    round_ = make_pair(outcomes)
    names = dict(zip("ab", (each.name for each in round_.candidates.order_by("id")), strict=True))
    (row,) = rows_of(export(round_, **rule), home)
    assert row["chosen_candidate"] == names[chosen]
    assert {row["chosen_candidate"], row["rejected_candidate"]} == set(names.values())


@pytest.mark.parametrize("field", ["min_votes", "margin"])
def test_recipe_refuses_less_than_one(field: str) -> None:
    with pytest.raises(errors.RecipeRefused) as refusal:
        votes_of("run", **{field: 0})
    assert str(refusal.value) == f"{field}: 0 is too small: at least 1 is right."


def test_export_leaves_held_out_prompts_out(home: Path) -> None:
    round_ = make_pair("a")
    make_pair("aaa", round_=round_, is_held_out=True)
    dataset = export(round_)
    assert left_out_of(dataset.counts) == {"held_out": 1}
    assert [row["votes_chosen"] for row in rows_of(dataset, home)] == [1]


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        (("", "Yes."), "empty_reply"),
        (("Yes.", " \n"), "empty_reply"),
        (("", ""), "empty_reply"),
        (("Yes.", "Yes."), "same_replies"),
    ],
)
def test_export_leaves_texts_out_that_teach_nothing(replies: tuple[str, str], reason: str) -> None:
    round_ = make_pair("a")
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    candidates = round_.candidates.order_by("id")
    a, b = (
        make.make_completion(candidate, prompt, replies=[reply])
        for candidate, reply in zip(candidates, replies, strict=True)
    )
    vote_on(round_, a, b, "aa")
    assert left_out_of(export(round_).counts) == {reason: 1}


def test_export_counts_each_vote_once(home: Path) -> None:
    """Several annotators, samples, rounds and kinds on one prompt: joins must not multiply."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=2, n_samples=2)
    prompt = round_.run.prompts().order_by("id")[0]
    a, b, c = (each.completions.filter(prompt=prompt) for each in round_.candidates.order_by("id"))
    vote_on(round_, a.get(sample=0), b.get(sample=0), "aaab")
    vote_on(round_, a.get(sample=0), b.get(sample=1), "bb")
    vote_on(round_, b.get(sample=0), c.get(sample=1), "bt")
    judge = make.make_annotator(kind="judge")
    make.make_vote(
        make.make_comparison(a.get(sample=0), b.get(sample=0), round_=round_, annotator=judge)
    )
    rows = rows_of(export(round_, voters="together"), home)
    columns = ("chosen_sample", "rejected_sample", "votes_chosen", "votes_rejected", "n_votes")
    found = sorted(tuple(row[column] for column in columns) for row in rows)
    assert found == [(0, 0, 4, 1, 5), (1, 0, 1, 0, 2), (1, 0, 2, 0, 2)]


def test_export_joins_the_rounds_of_a_run(home: Path) -> None:
    round_ = make_pair("a")
    a, b = Completion.objects.order_by("candidate")
    voting_rounds = make.Round.objects
    voting_rounds.update(closed_at=round_.opened_at)
    second = voting_rounds.create(run=round_.run, number=2, opened_at=round_.opened_at)
    vote_on(second, a, b, "bb")
    (row,) = rows_of(export(round_), home)
    assert (row["chosen_candidate"], row["votes_chosen"], row["n_votes"]) == (
        b.candidate.name, 2, 3,
    )  # fmt: skip


def test_export_leaves_other_runs_out(home: Path) -> None:
    round_, other = make_pair("a"), make_pair("bb")
    assert export(round_).n_pairs == 1
    assert {row["run"] for row in rows_of(export(other), home)} == {other.run.slug}


def test_export_names_simulated_votes(home: Path) -> None:
    round_ = make_pair("")
    a, b = Completion.objects.order_by("candidate")
    for kind in ("simulated", "person", "simulated"):
        annotator = make.make_annotator(kind=kind)
        make.make_vote(make.make_comparison(a, b, round_=round_, annotator=annotator))
    (row,) = rows_of(export(round_), home)
    assert (row["annotator_kinds"], row["n_votes"]) == (["person", "simulated"], 3)


def two_turns(round_: Round) -> tuple[Completion, Completion]:
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?"])
    a, b = round_.candidates.order_by("id")
    return (
        make.make_completion(a, prompt, replies=["a1", "a2"]),
        make.make_completion(b, prompt, replies=["b1", "b2"]),
    )


def test_export_writes_a_conversation_of_two_turns(home: Path) -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    vote_on(round_, *two_turns(round_), "a")
    (row,) = rows_of(export(round_), home)
    assert row["prompt"] == [{"role": "user", "content": "One?"}]
    assert [(each["role"], each["content"]) for each in row["chosen"]] == [
        ("assistant", "a1"), ("user", "Two?"), ("assistant", "a2"),
    ]  # fmt: skip
    assert [each["content"] for each in row["rejected"]] == ["b1", "Two?", "b2"]


def test_export_takes_a_vote_on_a_turn_for_no_more_than_that(home: Path) -> None:
    """The first turn goes to b; the whole, and the second turn, to a."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    a, b = two_turns(round_)
    vote_on(round_, a, b, "bb", turn=1)
    vote_on(round_, a, b, "a", turn=2)
    vote_on(round_, a, b, "aab", turn=0)
    first, whole = rows_of(export(round_), home)
    assert (first["n_turns"], whole["n_turns"]) == (1, 2)
    assert [each["content"] for each in first["chosen"]] == ["b1"]
    assert [each["content"] for each in whole["chosen"]] == ["a1", "Two?", "a2"]
    assert (first["n_votes"], whole["votes_chosen"], whole["votes_rejected"]) == (2, 3, 1)


def test_export_joins_the_only_turn_with_the_whole(home: Path) -> None:
    round_ = make_pair("a")
    a, b = Completion.objects.order_by("candidate")
    vote_on(round_, a, b, "bb", turn=1)
    (row,) = rows_of(export(round_), home)
    assert (row["votes_chosen"], row["votes_rejected"]) == (2, 1)


def test_export_leaves_withdrawn_votes_out(home: Path) -> None:
    round_ = make_pair("bba")
    for vote in Vote.objects.filter(outcome="b"):
        voting.withdraw_vote(vote=vote, by=None)
    (row,) = rows_of(export(round_), home)
    assert (row["votes_chosen"], row["votes_rejected"]) == (1, 0)


def test_export_refuses_to_write_nothing(home: Path) -> None:
    round_ = make_pair("t")
    make_pair("a", round_=round_, is_held_out=True)
    with pytest.raises(errors.ExportRefused) as refusal:
        export(round_)
    assert str(refusal.value) == (
        f"run {round_.run.slug} gives no pairs: 1 held out, 1 no decisive vote; a pair needs 1 or"
        " more decisive votes and a lead of 1"
    )
    assert list((home / "datasets").iterdir()) == []
    assert not PreferenceDataset.objects.exists()


def test_export_of_a_run_without_votes_says_so() -> None:
    with pytest.raises(errors.ExportRefused, match="gives no pairs: no vote stands"):
        export(make.make_open_round())


def test_export_gives_the_same_bytes_again(home: Path) -> None:
    round_ = make_pair("ab")
    for outcomes in ("a", "bb", "aab"):
        make_pair(outcomes, round_=round_)
    first = export(round_)
    second = export(round_)
    written = [(home / dataset.path).read_bytes() for dataset in (first, second)]
    assert written[0] == written[1]
    assert first.sha256 == second.sha256 == hashlib.sha256(written[0]).hexdigest()
    assert first.path != second.path


def test_ensure_file_gives_parquet_with_the_same_rows(home: Path) -> None:
    round_ = make_pair("ab")
    for outcomes in ("a", "bb", "aab"):
        make_pair(outcomes, round_=round_, system="Be brief.")
    dataset = export(round_)
    given = ensure_file(dataset, "train", ".parquet")
    rows = parquet.read_table(path_of(given)).to_pylist()
    assert rows == rows_of(dataset, home)
    assert sorted(pandas.read_parquet(path_of(given))["votes_chosen"]) == [1, 2, 2]
    assert given.sha256 == hashlib.sha256(path_of(given).read_bytes()).hexdigest()
    assert given.n_rows == len(rows) == 3


@pytest.mark.parametrize(("suffix", "builder"), [("jsonl", "json"), ("parquet", "parquet")])
def test_datasets_loads_what_was_written_and_trl_takes_it(
    suffix: str, builder: str, home: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    trl = pytest.importorskip("trl.data_utils")
    dataset = export(make_pair("abb", system="Be brief."))
    given = ensure_file(dataset, "train", f".{suffix}")
    loaded = datasets.load_dataset(
        builder, data_files=str(path_of(given)), split="train", cache_dir=str(home / "cache")
    )
    (example,) = loaded
    assert trl.is_conversational(example)
    assert example == rows_of(dataset, home)[0]


def test_export_keeps_to_the_cutoff(home: Path) -> None:
    """A dataset's bytes can be made again after more votes: the cut-off and rule are enough."""
    round_ = make_pair("aab")
    dataset = export(round_, margin=1)
    a, b = Completion.objects.order_by("candidate")
    vote_on(round_, a, b, "bbbb")
    voting.withdraw_vote(vote=Vote.objects.first(), by=None)
    again = export_dataset(recipe_of(dataset))
    assert (again.sha256, again.filters) == (dataset.sha256, dataset.filters)
    assert again.pk != dataset.pk
    assert export(round_).sha256 != dataset.sha256


def test_export_of_one_round_counts_its_votes_alone(home: Path) -> None:
    first = make_pair("aab", key="p1")
    a, b = Completion.objects.filter(prompt__key="p1").order_by("candidate")
    first.run.rounds.update(closed_at=timezone.now())
    second = Round.objects.create(run=first.run, number=2)
    second.candidates.set([a.candidate, b.candidate])
    vote_on(second, a, b, "b")
    dataset = export(first, round=1)
    assert [(row["votes_chosen"], row["votes_rejected"]) for row in rows_of(dataset, home)] == [
        (2, 1)
    ]
    assert dataset.filters["sources"][0]["round"] == 1
    assert votes_behind(dataset).count() == 3
    assert votes_behind(export(first, round=2)).count() == 1


def test_export_orders_pairs_by_prompt_and_candidates(home: Path) -> None:
    round_ = make_pair("a", key="p10")
    for key in ("p9", "p1", "あ"):
        make_pair("a", round_=round_, key=key)
    rows = rows_of(export(round_), home)
    assert [row["prompt_id"] for row in rows] == ["p1", "p10", "p9", "あ"]
    assert Prompt.objects.count() == 4
