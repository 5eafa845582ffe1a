"""Held-out prompts and annotators never reach the rows to train on, in any run of any kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotate.models import Annotator, Prompt, Round
from annotate.ranking.arrays import IntArray
from annotate.services import errors
from annotate.services.exporting import read_recipe, resolve
from annotate.services.exporting.assembling import Assembly
from annotate.services.exporting.resolving import Resolved
from annotate.services.exporting.splits import (
    Splits,
    draw,
    first_question,
    identify,
    identify_each,
)
from tests import factories as make
from tests.services.exports import (
    answer,
    export,
    hold_out,
    make_set,
    open_round,
    question_of,
    rows_of,
    vote,
)

pytestmark = pytest.mark.django_db
# Some ask the same: in other white space and widths, in another run, or far into a conversation.
QUESTIONS = ["Who?", " Who? ", "Ｗｈｏ？", "What?", "いつ？", "Why\nnot?", "Why not?", "Where?"]
METHODS = ["majority", "reliability", "strength"]


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> None:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("Who?", " Who?\n", True),
        ("Who?", "Ｗｈｏ？", True),
        ("a b", "a\u3000b", True),
        ("Who?", "who?", False),
        ("", " ", True),
        ("ab", "a b", False),
    ],
)
def test_identify_passes_over_white_space_and_width(first: str, second: str, is_same: bool) -> None:
    assert (identify(first) == identify(second)) is is_same


def test_first_question_is_the_users() -> None:
    told = [("system", "S"), ("user", "U"), ("assistant", "A"), ("user", "V")]
    messages = [{"role": role, "content": content} for role, content in told]
    assert first_question(messages) == "U"
    assert first_question(messages[:1]) == ""


def test_draw_is_even_and_hangs_on_seed_and_purpose() -> None:
    keys = identify_each(f"prompt {n}" for n in range(20_000))
    drawn = draw(keys, seed=1, purpose="prompt")
    counts, _edges = np.histogram(drawn, bins=10, range=(0, 1))
    assert counts.sum() == 20_000
    assert np.abs(counts - 2_000).max() < 200
    assert (draw(keys[::-1], seed=1, purpose="prompt") == drawn[::-1]).all()
    for other in (draw(keys, seed=2, purpose="prompt"), draw(keys, seed=1, purpose="row")):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.03


def rows_by_part(resolved: Resolved) -> dict[str, list[dict[str, Any]]]:
    assembly = Assembly(resolved)
    return {split: list(assembly.pair_rows(split)) for split in assembly.splits}


def cast_at_random(round_: Round, people: list[Annotator], data: st.DataObject) -> None:
    """Ask some of the questions, perhaps held out, and cast votes on the answers."""
    asked = data.draw(st.lists(st.sampled_from(QUESTIONS), min_size=2, max_size=6, unique=True))
    for place, question in enumerate(asked):
        n_turns = data.draw(st.integers(1, 2))
        turns = [question, "And then?"][:n_turns]
        replies = [[f"{name} {place} {turn}" for turn in range(n_turns)] for name in "xyz"]
        texts = answer(round_, replies, turns=turns, is_held_out=data.draw(st.integers(0, 3)) == 0)
        for _ in range(data.draw(st.integers(1, 5))):
            a, b = sorted(data.draw(st.sampled_from([(0, 1), (0, 2), (1, 2)])))
            voter = data.draw(st.sampled_from(people))
            letter = data.draw(st.sampled_from("aabt-"))
            vote(round_, texts[a], texts[b], letter, annotators=[voter],
                 turn=data.draw(st.integers(0, n_turns)))  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_nothing_that_is_held_out_reaches_the_rows_to_train_on(data: st.DataObject) -> None:
    """On random runs, two of them and a set: prompts on one side each, and votes of no one kept."""
    with transaction.atomic():
        rounds = [open_round("x", "y", "z"), open_round("x", "y", "z")]
        people = [make.make_annotator() for _ in range(5)]
        for round_ in rounds:
            cast_at_random(round_, people, data)
        questions = data.draw(st.lists(st.sampled_from(QUESTIONS), max_size=4))
        make_set("s", *({"question": each} for each in questions))
        recipe = read_recipe(
            {
                "sources": [*({"run": each.run.slug} for each in rounds), {"preference_set": "s"}],
                "method": data.draw(st.sampled_from(METHODS)),
                "min_probability": 0.55,
                "test_share": data.draw(st.sampled_from([0, 0.3, 0.7])),
                "test_annotator_share": data.draw(st.sampled_from([0, 0.4])),
                "seed": data.draw(st.integers(0, 1000)),
                "max_pairs_per_prompt": data.draw(st.sampled_from([None, 2])),
            }
        )
        resolved = resolve(recipe)
        parts = rows_by_part(resolved)
        check_parts(parts, people, resolved)
        # Votes that may not count change nothing of what is trained on, whatever they say.
        splits = Splits(recipe)
        apart = splits.is_test_annotator(each.pseudonym for each in people)
        vote_where_it_must_not_count(rounds, people, apart, splits)
        later = rows_by_part(resolve(recipe))
        assert later["train"] == parts["train"]
        transaction.set_rollback(True)


def check_parts(
    parts: dict[str, list[dict[str, Any]]], people: list[Annotator], resolved: Resolved
) -> None:
    identities = {
        split: set(identify_each(map(question_of, rows)).tolist()) for split, rows in parts.items()
    }
    held_out = set(identify_each(each.turns[0] for each in Prompt.objects.held_out()).tolist())
    assert identities["train"].isdisjoint(held_out)
    if "test" in parts:
        assert identities["test"].isdisjoint(held_out | identities["train"])
    else:
        assert resolved.recipe.test_share == 0


def vote_where_it_must_not_count(
    rounds: list[Round], people: list[Annotator], apart: Any, splits: Splits
) -> None:
    """Cast votes on tested and held-out prompts, and those of held-out annotators on all."""
    for round_ in rounds:
        for prompt in round_.run.prompts():
            identity: IntArray = identify_each([prompt.turns[0]])
            is_out = bool(splits.is_test(identity)[0] or splits.is_held_out(identity)[0])
            texts = list(prompt.completions.order_by("candidate"))
            voters = people if is_out else [p for p, out in zip(people, apart, strict=True) if out]
            for voter in voters:
                vote(round_, texts[0], texts[1], "b", annotators=[voter])


def test_held_out_prompt_of_another_run_is_left_out_of_every_source() -> None:
    first, second = open_round("x", "y"), open_round("x", "y")
    vote(first, *answer(first, ["X.", "Y."], turns=["Kept?"]), "a")
    vote(first, *answer(first, ["X.", "Y."], turns=["Held out?"]), "a")
    prompt = make.make_prompt(second.run.prompt_sets.get(), turns=["Held  out?"])
    hold_out(prompt)
    make_set("s", {"question": "held out?"}, {"question": "Held out? "})
    dataset = export(first, {"preference_set": "s"})
    assert [question_of(row) for row in rows_of(dataset)] == ["Kept?", "held out?"]
    assert dataset.counts["left_out"] == {"held_out": 2}


def test_a_prompt_is_on_one_side_in_every_source() -> None:
    first, second = open_round("x", "y"), open_round("x", "y")
    for number in range(12):
        for round_ in (first, second):
            vote(round_, *answer(round_, ["X.", "Y."], turns=[f"Q{number}?"]), "a")
    make_set("s", *({"question": f"Q{number}?"} for number in range(12)))
    more = [{"run": second.run.slug}, {"preference_set": "s"}]
    dataset = export(first, *more, test_share=0.4)
    train, test = (
        [question_of(row) for row in rows_of(dataset, split)] for split in ("train", "test")
    )
    assert (len(train) + len(test), set(train) & set(test)) == (36, set())
    assert len(train) % 3 == len(test) % 3 == 0
    assert (dataset.n_pairs, dataset.counts["test_rows"]) == (len(train), len(test))
    other = export(first, *more, test_share=0.4, seed=1)
    assert set(map(question_of, rows_of(other, "test"))) != set(test)


def test_rows_to_test_on_are_of_held_out_annotators_alone_where_there_are_any() -> None:
    round_ = open_round("x", "y")
    people = [make.make_annotator() for _ in range(12)]
    for number in range(10):
        vote(round_, *answer(round_, [f"X{number}.", f"Y{number}."]), "a" * 12, annotators=people)
    dataset = export(round_, test_share=0.4, test_annotator_share=0.3)
    recipe = read_recipe(dataset.filters)
    n_apart = int(Splits(recipe).is_test_annotator(each.pseudonym for each in people).sum())
    assert 0 < n_apart < 12
    assert {row["n_votes"] for row in rows_of(dataset)} == {12 - n_apart}
    assert {row["n_votes"] for row in rows_of(dataset, "test")} == {n_apart}
    n_test = dataset.counts["test_rows"]
    set_aside = dataset.n_pairs * n_apart + n_test * (12 - n_apart)
    assert dataset.counts["votes_set_aside"] == set_aside
    assert {"name": "set_aside", "n": set_aside} in dataset.counts["warnings"]


def test_held_out_annotators_votes_are_set_aside_without_rows_to_test_on() -> None:
    round_ = open_round("x", "y")
    people = [make.make_annotator() for _ in range(12)]
    vote(round_, *answer(round_, ["X.", "Y."]), "a" * 12, annotators=people)
    (row,) = rows_of(export(round_, test_annotator_share=0.3))
    assert 0 < row["n_votes"] < 12


def test_a_test_share_of_few_prompts_says_that_nothing_is_left_to_test_on() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."], turns=["Only?"]), "a")
    seed = next(
        seed for seed in range(50)
        if draw(identify_each(["Only?"]), seed=seed, purpose="prompt")[0] > 0.1
    )  # fmt: skip
    dataset = export(round_, test_share=0.1, seed=seed)
    assert {"name": "nothing_to_test_on", "share": 0.1} in dataset.counts["warnings"]
    assert rows_of(dataset, "test") == []


def test_a_dataset_with_all_prompts_to_test_on_is_refused() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."], turns=["Only?"]), "a")
    drawn = [draw(identify_each(["Only?"]), seed=s, purpose="prompt")[0] for s in range(50)]
    with pytest.raises(errors.ExportRefused, match="gives no pairs"):
        export(round_, test_share=0.9, seed=int(np.argmin(drawn)))


@pytest.mark.parametrize("form", ["votes", "arena"])
def test_votes_on_held_out_prompts_are_kept_to_test_on(form: str) -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."], turns=["Kept?"], key="kept"), "ab")
    vote(round_, *answer(round_, ["X.", "Y."], turns=["Out?"], key="out", is_held_out=True), "t")
    dataset = export(round_, form=form)
    assert (dataset.n_pairs, dataset.counts["test_rows"]) == (2, 1)
    if form == "votes":
        assert {row["prompt"] for row in rows_of(dataset)} == {"kept"}
        assert [row["prompt"] for row in rows_of(dataset, "test")] == ["out"]
