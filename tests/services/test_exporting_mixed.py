"""Sources mixed with weights, licences joined, and people's votes never outnumbered unsaid."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from annotate.models import DatasetSource
from annotate.services import errors
from annotate.services.exporting import preview, read_recipe, recipe_of, say_warnings, votes_behind
from annotate.services.exporting.datasets import export_dataset
from annotate.services.exporting.figures import join_licences
from tests import factories as make
from tests.services.exports import (
    answer,
    export,
    make_set,
    open_round,
    question_of,
    rows_of,
    said,
    vote,
)
from training.data import read_pairs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> Path:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path
    return tmp_path


def test_dataset_mixes_runs_judges_and_sets_each_row_tagged(home: Path) -> None:
    first, second = open_round("x", "y"), open_round("z", "w")
    vote(first, *answer(first, ["X.", "Y."]), "a")
    vote(first, *answer(first, ["X 2.", "Y 2."]), "b", kind="judge")
    vote(second, *answer(second, ["Z.", "W."]), "b")
    make_set("ultra", {}, {"margin": 2.5, "category": "code", "language": "ja"})
    dataset = export(
        first,
        {"run": first.run.slug, "voters": "judges", "weight": 0.25},
        {"run": second.run.slug, "weight": 2},
        {"preference_set": "ultra", "weight": 0.5},
    )
    slug, other = first.run.slug, second.run.slug
    rows = rows_of(dataset)
    assert [(row["source"], row["weight"], row["run"], said(row)[0]) for row in rows] == [
        (f"votes:{slug}", 1.0, slug, "X."),
        (f"votes:{slug}:judges", 0.25, slug, "Y 2."),
        (f"votes:{other}", 2.0, other, "W."),
        ("pairs:ultra", 0.5, "", "Good 0."),
        ("pairs:ultra", 0.5, "", "Good 1."),
    ]
    imported = rows[-1]
    assert (imported["prompt_set"], imported["prompt_id"], imported["margin"]) == (
        "ultra", "k1", 2.5,
    )  # fmt: skip
    assert (imported["annotator_kinds"], imported["n_votes"], imported["agreement"]) == ([], 0, 1)
    assert (imported["language"], imported["category"]) == ("ja", "code")
    assert rows[-2]["margin"] == 1
    sources = DatasetSource.objects.filter(dataset=dataset).order_by("pk")
    assert [(each.name, each.n_rows, each.voters) for each in sources] == [
        (f"votes:{slug}", 1, "people"), (f"votes:{slug}:judges", 1, "judges"),
        (f"votes:{other}", 1, "people"), ("pairs:ultra", 2, ""),
    ]  # fmt: skip
    assert dataset.counts["sources"] == {each.name: each.n_rows for each in sources}
    assert votes_behind(dataset).count() == 3
    pairs = read_pairs(home / dataset.path)
    assert [pair.weights["weight"] for pair in pairs] == [1, 0.25, 2, 0.5, 0.5]


def test_dataset_says_where_people_are_outnumbered() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a")
    make_set("s", {}, {}, {})
    light = export(round_, {"preference_set": "s", "weight": 0.25})
    assert say_warnings(light.counts) == []
    heavy = export(round_, {"preference_set": "s"})
    assert say_warnings(heavy.counts) == [
        "People are outnumbered: by weight, 1.0 rows to train on have people's votes behind them,"
        " and 3.0 have only LLM judges' or were preferred elsewhere."
    ]
    assert "People are outnumbered" in heavy.card
    seen = preview(recipe_of(heavy))
    assert seen.warnings == say_warnings(heavy.counts)


def test_rows_of_judges_alone_are_never_unsaid() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a", kind="judge")
    dataset = export(round_, home={"voters": "judges"})
    assert [warning["name"] for warning in dataset.counts["warnings"]] == ["people_outnumbered"]
    assert dataset.counts["rows_with_judges"] == 1


def test_simulated_annotators_stand_for_people() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a", kind="simulated")
    dataset = export(round_)
    assert (dataset.counts["warnings"], dataset.counts["votes"]) == ([], {"simulated": 1})


def test_max_pairs_of_a_source_are_drawn_by_the_seed() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a")
    make_set("s", *[{} for _ in range(40)])

    def drawn(seed: int) -> list[str]:
        source = {"preference_set": "s", "max_pairs": 10}
        dataset = export(round_, source, seed=seed)
        assert dataset.counts["left_out"] == {"over_limit_of_source": 30}
        return [row["prompt_id"] for row in rows_of(dataset) if row["run"] == ""]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert len(drawn(1)) == 10


def test_licences_of_writers_and_sets_are_joined() -> None:
    round_ = open_round()
    for name, licence in (("x", "Apache-2.0"), ("y", "CC-BY-NC-SA-4.0"), ("idle", "MIT")):
        round_.candidates.add(make.make_candidate(round_.run, name=name, licence=licence))
    x, y, _idle = answer(round_, ["X.", "Y.", "Idle."])
    vote(round_, x, y, "a")
    make_set("s", {}, licence="CC-BY-4.0 AND Apache-2.0")
    assert export(round_).licence == "Apache-2.0 AND CC-BY-NC-SA-4.0"
    dataset = export(round_, {"preference_set": "s"})
    assert dataset.licence == "Apache-2.0 AND CC-BY-NC-SA-4.0 AND CC-BY-4.0"


def test_join_licences_names_each_once() -> None:
    assert join_licences(["A AND B", "", "B", "C"]) == "A AND B AND C"
    assert join_licences([]) == ""


def test_imported_pairs_that_teach_nothing_are_left_out() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a")
    make_set(
        "s",
        {"rejected": " "},
        {"chosen": "Same.", "rejected": "Same."},
        {"chosen": "A reply with ten words that say very little indeed.",
         "rejected": "A reply with ten words that say very little, indeed."},
        {"question": "Q?", "chosen": "Yes, it is so.", "rejected": "No, never.", "margin": 0.5},
        {"question": "Q?", "chosen": "No, never!", "rejected": "Yes, it is so!", "margin": 2},
        {},
    )  # fmt: skip
    dataset = export(round_, {"preference_set": "s"}, near_equal=0.9)
    assert [row["prompt_id"] for row in rows_of(dataset)[1:]] == ["k4", "k5"]
    assert dataset.counts["left_out"] == {
        "empty_reply": 1, "near_duplicate": 1, "near_equal": 1, "same_replies": 1,
    }  # fmt: skip


def test_pairs_imported_later_are_not_in_what_was_exported() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a")
    preferences = make_set("s", {}, {})
    dataset = export(round_, {"preference_set": "s"})
    pair = preferences.pairs.first()
    assert pair is not None
    pair.pk, pair.key = None, "later"
    pair.save(force_insert=True)
    again = export_dataset(recipe_of(dataset))
    assert again.sha256 == dataset.sha256
    assert export(round_, {"preference_set": "s"}).n_pairs == 4


def test_pairs_on_one_prompt_stand_together() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a")
    make_set("s", {"question": "A?"}, {"question": "B?"}, {"question": "A?"})
    rows = rows_of(export(round_, {"preference_set": "s"}))
    assert [question_of(row) for row in rows[1:]] == ["A?", "A?", "B?"]


def test_imported_pairs_become_rankings_of_two() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a")
    make_set("s", {})
    rows = rows_of(export(round_, {"preference_set": "s"}, form="ranking"))
    assert [row["ranks"] for row in rows] == [[1, 2], [1, 2]]
    assert rows[1]["completions"][1] == [{"role": "assistant", "content": "Bad 0."}]


def test_export_refuses_licences_that_are_too_long_together() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."]), "a")
    sources = []
    for number in range(4):
        make_set(f"s{number}", {}, licence=f"{number}" * 290)
        sources.append({"preference_set": f"s{number}"})
    with pytest.raises(errors.ExportRefused, match="too long together"):
        export(round_, *sources)


def test_export_of_sets_alone_needs_a_run_that_gives_rows_too() -> None:
    """A home run without votes lends its name; rows of the set are enough for a dataset."""
    round_ = open_round("x", "y")
    make_set("s", {})
    dataset = export(round_, {"preference_set": "s"})
    assert (dataset.n_pairs, dataset.run) == (1, round_.run)
    with pytest.raises(errors.RecipeRefused):
        read_recipe({"sources": [{"preference_set": "s"}]})


def test_near_equal_texts_come_once_of_all_sources_and_people_come_first() -> None:
    round_ = open_round("x", "y")
    voted = answer(round_, ["A drink of dried leaves.", "No."], turns=["What is tea?"])
    vote(round_, *voted, "aab")
    vote(round_, *voted, "bbb", kind="judge")
    vote(round_, *answer(round_, ["Yes, all of it.", "Hm."], turns=["Asked here alone?"]), "a")
    elsewhere = {
        "question": "What  is tea?",
        "chosen": "No.",
        "rejected": "A drink of dried leaves!",
    }
    other = {
        "question": "What is tea?",
        "chosen": "It is a plant.",
        "rejected": "Nobody knows that.",
    }
    make_set("s", elsewhere, other, {"chosen": "", "rejected": "x"})
    judges = {"run": round_.run.slug, "voters": "judges"}
    recipe = {"near_equal": 0.9, "balance": ["category"]}
    dataset = export(round_, judges, {"preference_set": "s"}, **recipe)
    assert sorted((row["source"], said(row)[0]) for row in rows_of(dataset)) == [
        ("pairs:s", "It is a plant."),
        (f"votes:{round_.run.slug}", "A drink of dried leaves."),
        (f"votes:{round_.run.slug}", "Yes, all of it."),
    ]
    assert dataset.counts["left_out"] == {"empty_reply": 1, "near_duplicate": 2}
    assert export(round_, judges, {"preference_set": "s"}).n_pairs == 5
