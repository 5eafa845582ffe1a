"""A recipe says all that is wrong in it, and is written in one way."""

from typing import Any

import pytest
from django.utils import translation

from annotate.models import PreferenceSet
from annotate.services import errors
from annotate.services.exporting import check_names, read_recipe, recipe_of, resolve, votes_of
from tests import factories as make
from tests.views.pages import make_dataset

HOME = {"run": "r"}


def faults_of(data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(errors.RecipeRefused) as refusal:
        read_recipe(data)
    return {fault.path: fault.message for fault in refusal.value.faults}


def test_recipe_is_the_same_however_written() -> None:
    plain = read_recipe({"sources": [HOME]})
    told = {"form": "dpo", "method": "majority", "test_share": 0, "balance": []}
    assert read_recipe({"sources": [HOME | {"voters": "people", "weight": 1}], **told}) == plain
    assert plain.sha256() == votes_of("r").sha256()
    assert read_recipe(plain.to_filters()) == plain
    assert read_recipe({"sources": [HOME], "seed": 1}).sha256() != plain.sha256()


def test_recipe_says_every_fault_with_its_place() -> None:
    faults = faults_of(
        {
            "form": "x",
            "sources": [{"run": "a b"}, {"preference_set": "s", "voters": "people"}, {}],
            "min_probability": 0.5,
            "near_equal": "much",
            "wheight": 2,
        }
    )
    assert set(faults) == {
        "form", "sources.0.run", "sources.1.voters", "sources.2.run", "min_probability",
        "near_equal", "wheight",
    }  # fmt: skip
    assert faults["min_probability"] == "0.5 is too small: more than 0.5 is right."


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"sources": [{"preference_set": "s"}]}, "sources.0"),
        ({"sources": [HOME, HOME]}, "sources.1"),
        ({"form": "dpo-standard"}, "base"),
        ({"base": "x"}, "base"),
        ({"form": "ranking", "method": "majority"}, "method"),
        ({"form": "ranking", "balance": ["length"]}, "balance"),
        ({"balance": ["language", "language"]}, "balance"),
        ({"form": "votes", "near_equal": 0.9}, "near_equal"),
        ({"form": "arena", "leave_out_leaked": True}, "leave_out_leaked"),
        ({"form": "votes", "sources": [HOME, {"run": "other"}]}, "sources.1"),
        ({"form": "votes", "sources": [HOME | {"max_pairs": 3}]}, "sources.0.max_pairs"),
    ],
)
def test_recipe_refuses_what_cannot_be_meant_together(fields: dict[str, Any], path: str) -> None:
    assert path in faults_of({"sources": [HOME]} | fields)


def test_recipe_is_refused_in_the_readers_language() -> None:
    with translation.override("ja"):
        message = faults_of({"sources": "r"})["sources"]
    assert message != faults_of({"sources": "r"})["sources"]


def test_ranking_goes_by_strength() -> None:
    assert read_recipe({"sources": [HOME], "form": "ranking"}).method == "strength"


@pytest.mark.django_db
def test_check_names_says_what_is_not_there() -> None:
    run = make.make_run(slug="r")
    make.make_candidate(run, name="texts only")
    recipe = read_recipe(
        {
            "sources": [HOME, {"run": "rr"}, {"preference_set": "none"}],
            "form": "dpo-standard",
            "base": "texts",
        }
    )
    with pytest.raises(errors.RecipeRefused) as refusal:
        check_names(recipe)
    assert list(map(str, refusal.value.faults)) == [
        "sources.1.run: No run is called rr; there is 'r'.",
        "sources.2.preference_set: No preference set is called none; there is none.",
        "base: Run r has no candidate “texts”; it has 'texts only'.",
    ]
    with pytest.raises(errors.RecipeRefused, match="has no prompt format"):
        check_names(votes_of("r", form="dpo-standard", base="texts only"))


@pytest.mark.django_db
def test_resolve_fills_in_every_cutoff_and_reads_one_run_once() -> None:
    make.make_run(slug="r")
    PreferenceSet.objects.create(slug="s")
    recipe = read_recipe({"sources": [HOME, HOME | {"voters": "judges"}, {"preference_set": "s"}]})
    settled = resolve(recipe).recipe
    people, judges, pairs = (source.cutoff for source in settled.sources)
    assert people == judges
    assert people is not None
    assert pairs == 0
    assert resolve(settled).recipe == settled
    assert resolve(recipe).recipe != settled


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("filters", "voters", "number"),
    [
        ({"min_votes": 2, "margin": 1}, "together", None),
        ({"min_votes": 2, "margin": 1, "voters": "judges", "round": 3}, "judges", 3),
    ],
)
def test_recipe_of_an_older_dataset_is_what_it_was_made_by(
    filters: dict[str, Any], voters: str, number: int | None
) -> None:
    run = make.make_run(slug="r")
    dataset = make_dataset(run, filters=filters, cutoff=7)
    recipe = recipe_of(dataset)
    assert recipe == votes_of("r", min_votes=2, voters=voters, round=number, cutoff=7)
