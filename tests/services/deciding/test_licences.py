"""Whose licences a chosen candidate stands under."""

import pytest

from annotate.models import Candidate
from annotate.services.deciding.licences import is_non_commercial, note_licences
from tests import factories as make
from tests.views.pages import make_dataset, make_training


@pytest.mark.parametrize(
    "licence",
    ["CC-BY-NC-SA-4.0", "cc-by-nc-4.0", "CC BY-NC 4.0", "Non-Commercial", "research only"],
)
def test_a_licence_without_commercial_use_is_known_by_its_name(licence: str) -> None:
    assert is_non_commercial(licence)


@pytest.mark.parametrize("licence", ["", "Apache-2.0", "MIT", "Llama 3.1", "NCSA", "CC-BY-SA-4.0"])
def test_other_licences_are_not(licence: str) -> None:
    assert not is_non_commercial(licence)


@pytest.mark.django_db
def test_licences_of_all_ancestors_are_told_each_once() -> None:
    run = make.make_run()
    base = make.make_candidate(run, name="base", licence="CC-BY-NC-SA-4.0")
    left, right = (
        make.make_candidate(run, name=name, licence="Apache-2.0") for name in ("left", "right")
    )
    child = make.make_candidate(run, name="child", licence="MIT")
    for parent in (left, right):
        parent.parents.add(base)
        child.parents.add(parent)
    told = [(each["candidate"], each["relation"]) for each in note_licences(child)]
    assert told == [
        ("child", "itself"), ("left", "parent"), ("right", "parent"), ("base", "parent"),
    ]  # fmt: skip
    assert [each["is_non_commercial"] for each in note_licences(child)] == [False] * 3 + [True]


@pytest.mark.django_db
def test_texts_without_commercial_use_that_may_have_trained_it_are_told() -> None:
    run = make.make_run()
    make.make_candidate(run, name="lisa", licence="CC-BY-NC-SA-4.0")
    make.make_candidate(run, name="shisa", licence="Apache-2.0")
    training = make_training(run, dataset=make_dataset(run))
    make.make_candidate(run, name="came later", licence="CC-BY-NC-SA-4.0")
    child = make.make_candidate(run, name="child", licence="Apache-2.0", training_run=training)
    told = [(each["candidate"], each["relation"]) for each in note_licences(child)]
    assert told == [("child", "itself"), ("lisa", "texts")]


@pytest.mark.django_db
def test_a_candidate_of_which_nobody_said_anything_is_told_so() -> None:
    child: Candidate = make.make_candidate(make.make_run())
    assert [each["licence"] for each in note_licences(child)] == [""]
