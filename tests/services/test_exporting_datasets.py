"""Datasets are made again to the byte, and their files are whole or not there."""

import csv
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from pyarrow import parquet

from annotate.formats import FormatError
from annotate.models import DatasetFile, PreferenceDataset, Round, Vote
from annotate.services import errors, voting
from annotate.services.exporting import (
    ensure_file,
    export_dataset,
    path_of,
    preview,
    read_recipe,
    read_rows,
    recipe_of,
    splits_of,
)
from tests import factories as make
from tests.services.exports import answer, export, make_set, open_round, rows_of, vote
from tests.services.threads import at_once
from tests.views.pages import make_dataset

pytestmark = pytest.mark.django_db
RECIPES: list[dict[str, Any]] = [
    {},
    {"form": "kto"},
    {"form": "reward", "test_share": 0.4},
    {"form": "ranking"},
    {"form": "votes", "test_share": 0.3},
    {"form": "arena"},
    {"method": "reliability", "min_probability": 0.55, "test_share": 0.3},
    {"method": "strength", "near_equal": 0.95, "leave_out_flagged": True},
    {"max_pairs_per_prompt": 2, "balance": ["language"], "seed": 9},
    {"test_share": 0.5, "test_annotator_share": 0.3, "seed": 2},
]


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path
    return tmp_path


@pytest.fixture
def round_() -> Round:
    """Give a run of three candidates and eight prompts in two languages, with votes."""
    round_ = open_round("x", "y", "z")
    people = [make.make_annotator() for _ in range(6)]
    for number in range(8):
        replies = [f"{name} says {number * 7919} to it." for name in "xyz"]
        texts = answer(round_, replies, language="ja" if number % 3 else "en")
        for turn, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
            letters = "aab"[turn] * 2 + "abt-"[(number + turn) % 4]
            vote(round_, texts[a], texts[b], letters, annotators=people[turn : turn + 3])
    return round_


def go_on(round_: Round) -> None:
    """Cast votes, take one back, and exclude nobody."""
    people = [make.make_annotator() for _ in range(2)]
    for prompt in round_.run.prompts():
        texts = list(prompt.completions.order_by("candidate"))
        vote(round_, texts[0], texts[2], "bb", annotators=people)
    first = Vote.objects.order_by("id").first()
    assert first is not None
    voting.withdraw_vote(vote=first, by=None)


@pytest.mark.parametrize("recipe", RECIPES, ids=json.dumps)
def test_same_filters_make_the_same_bytes_after_more_votes(
    recipe: dict[str, Any], round_: Round, home: Path
) -> None:
    first = export(round_, **recipe)
    go_on(round_)
    again = export_dataset(read_recipe(json.loads(json.dumps(first.filters))))
    assert (again.sha256, again.filters, again.counts) == (
        first.sha256, first.filters, first.counts,
    )  # fmt: skip
    assert (home / again.path).read_bytes() == (home / first.path).read_bytes()
    for split in splits_of(first):
        files = [ensure_file(each, split, ".jsonl") for each in (first, again)]
        assert files[0].sha256 == files[1].sha256
    assert export(round_, **recipe).sha256 != first.sha256


@pytest.mark.parametrize("recipe", RECIPES, ids=json.dumps)
def test_preview_tells_what_the_export_gives(recipe: dict[str, Any], round_: Round) -> None:
    seen = preview(read_recipe({"sources": [{"run": round_.run.slug}], **recipe}))
    assert not PreferenceDataset.objects.exists()
    dataset = export(round_, **recipe)
    assert seen.counts == dataset.counts
    assert (seen.n_rows, seen.n_test_rows) == (dataset.n_pairs, len(rows_of(dataset, "test"))
                                               if "test" in splits_of(dataset) else 0)  # fmt: skip
    assert seen.examples == rows_of(dataset)[:10]
    assert sum(seen.by_source.values()) == seen.n_rows or recipe.get("form") in (
        "kto", "votes", "arena",
    )  # fmt: skip


def test_two_exports_of_one_cutoff_by_other_recipes_keep_their_files(
    round_: Round, home: Path
) -> None:
    first = export(round_)
    cutoff = first.cutoff
    others = [
        export(round_, home={"cutoff": cutoff}, **fields)
        for fields in ({"min_votes": 3}, {"form": "reward"}, {"seed": 4})
    ]
    assert len({each.path for each in (first, *others[:2])}) == 3
    assert others[2].path == first.path  # the same rows
    for dataset in (first, *others):
        assert hashlib.sha256((home / dataset.path).read_bytes()).hexdigest() == dataset.sha256
        assert len(list(read_rows(dataset))) == dataset.n_pairs


def test_export_that_fails_in_the_middle_leaves_nothing(round_: Round, home: Path) -> None:
    make.make_candidate(round_.run, name="base", model=str(home / "none"), prompt_format="chatml",
                        engine="transformers")  # fmt: skip
    with pytest.raises(errors.ExportRefused):
        export(round_, form="dpo-standard", base="base")
    assert list((home / "datasets").iterdir()) == []
    assert not PreferenceDataset.objects.exists()


def test_export_to_a_disk_that_takes_nothing_says_so(round_: Round, home: Path) -> None:
    (home / "datasets").write_text("a file")
    with pytest.raises((FormatError, OSError)):
        export(round_)


def test_ensure_file_gives_each_part_in_each_ending(round_: Round) -> None:
    dataset = export(round_, test_share=0.4)
    for split in ("train", "test"):
        rows = rows_of(dataset, split)
        assert rows
        packed = ensure_file(dataset, split, ".parquet")
        assert parquet.read_table(path_of(packed)).to_pylist() == rows
        table = ensure_file(dataset, split, ".csv")
        lines = path_of(table).read_text(encoding="utf-8").splitlines()
        found = list(csv.DictReader(lines))
        assert [row["prompt_id"] for row in found] == [row["prompt_id"] for row in rows]
        assert [json.loads(row["chosen"]) for row in found] == [row["chosen"] for row in rows]
        for file in (packed, table):
            content = path_of(file).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file.sha256
            assert len(content) == file.n_bytes
            assert file.n_rows == len(rows)


def test_ensure_file_packs_both_parts_with_the_card(round_: Round) -> None:
    dataset = export(round_, test_share=0.4)
    archive = ensure_file(dataset, "test", ".zip")
    with zipfile.ZipFile(path_of(archive)) as packed:
        names = {name.partition("/")[2] for name in packed.namelist()}
        card = next(name for name in packed.namelist() if name.endswith("README.md"))
        assert packed.read(card).decode() == dataset.card
    assert names == {"README.md", "data/train.parquet", "data/test.parquet"}
    assert ensure_file(dataset, "train", ".zip") == archive
    assert archive.n_rows == dataset.n_pairs + dataset.counts["test_rows"]


def test_ensure_file_makes_a_file_once_and_again_where_it_was_lost(round_: Round) -> None:
    dataset = export(round_)
    first = ensure_file(dataset, "train", ".parquet")
    written_at = path_of(first).stat().st_mtime_ns
    assert ensure_file(dataset, "train", ".parquet") == first
    assert path_of(first).stat().st_mtime_ns == written_at
    path_of(first).unlink()
    assert ensure_file(dataset, "train", ".parquet") == first
    assert path_of(first).is_file()
    assert DatasetFile.objects.count() == 1


def test_files_written_along_are_kept_as_such(round_: Round) -> None:
    recipe = read_recipe({"sources": [{"run": round_.run.slug}], "test_share": 0.4})
    dataset = export_dataset(recipe, also=[".parquet"])
    kept = dict.fromkeys(dataset.files.values_list("split", "ending"))
    assert set(kept) == {("train", ".parquet"), ("test", ".jsonl"), ("test", ".parquet")}
    rows = parquet.read_table(path_of(ensure_file(dataset, "train", ".parquet"))).to_pylist()
    assert rows == rows_of(dataset)


@pytest.mark.parametrize(
    ("split", "ending", "message"),
    [
        ("train", ".txt", ".txt is no ending of a dataset's files; there are .jsonl, .parquet"),
        ("test", ".jsonl", "has no rows to test on."),
        ("test", ".parquet", "has no rows to test on."),
    ],
)
def test_ensure_file_refuses_what_is_not_there(
    split: Any, ending: str, message: str, round_: Round
) -> None:
    with pytest.raises(errors.ExportRefused) as refusal:
        ensure_file(export(round_), split, ending)
    assert message in str(refusal.value)


def test_rows_that_were_lost_or_changed_are_refused(round_: Round, home: Path) -> None:
    dataset = export(round_)
    path = home / dataset.path
    path.write_bytes(path.read_bytes().replace(b"x says", b"x said"))
    with pytest.raises(errors.ExportRefused, match="is not the one that was exported"):
        ensure_file(dataset, "train", ".csv")
    path.unlink()
    with pytest.raises(errors.ExportRefused, match="is gone: export the run again"):
        ensure_file(dataset, "train", ".csv")
    assert not DatasetFile.objects.exists()


def test_older_dataset_becomes_parquet_with_the_columns_that_it_has(
    round_: Round, home: Path
) -> None:
    """Datasets of earlier days have no source and no weight."""
    newer = export(round_)
    rows = [{name: row[name] for name in row if name not in ("source", "weight")}
            for row in rows_of(newer)]  # fmt: skip
    content = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()
    (home / "datasets" / "old-7.jsonl").write_bytes(content)
    older = make_dataset(
        round_.run, path="datasets/old-7.jsonl", sha256=hashlib.sha256(content).hexdigest(),
        filters={"min_votes": 1, "margin": 1}, cutoff=newer.cutoff, n_pairs=len(rows),
    )  # fmt: skip
    packed = ensure_file(older, "train", ".parquet")
    assert parquet.read_table(path_of(packed)).to_pylist() == rows
    again = export_dataset(recipe_of(older))
    assert [row["prompt_id"] for row in rows_of(again)] == [row["prompt_id"] for row in rows]


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_for_a_file_at_once_get_one(round_: Round) -> None:
    dataset = export(round_)
    first, second = at_once(*[lambda: ensure_file(dataset, "train", ".parquet")] * 2)
    assert first == second
    assert hashlib.sha256(path_of(first).read_bytes()).hexdigest() == first.sha256


def test_counts_say_who_voted_and_how_far_they_agree(round_: Round) -> None:
    x, y, _z = answer(round_, ["X.", "Y.", "Z."], language="fr")
    vote(round_, x, y, "ab", kind="judge")
    make_set("s", {})
    counts = export(round_, {"run": round_.run.slug, "voters": "judges"}, {"preference_set": "s"},
                    ).counts  # fmt: skip
    assert counts["votes"] == {"judge": 2, "person": 72}
    assert counts["annotators"] == {"judge": 2, "person": 5}
    assert counts["agreement"]["pairs"] == 25
    assert 0 < counts["agreement"]["raw"] < 1
    assert counts["languages"] == {"en": 10, "ja": 15}
    assert counts["left_out"] == {"margin_too_small": 1}


def test_export_reads_texts_in_few_queries(
    round_: Round, django_assert_max_num_queries: Any
) -> None:
    """As many for thirty prompts as for eight."""
    with django_assert_max_num_queries(40):
        export(round_)
    for number in range(22):
        vote(round_, *answer(round_, [f"A{number}.", f"B{number}.", "C."])[:2], "a")
    with django_assert_max_num_queries(40):
        export(round_)
