"""How votes become pairs, what is left out, and the reasons for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.db.models import Case, Count, F, IntegerField, Q, When

from annotate.models import CompletionMeasure, Report, Vote
from annotate.models.comparisons import Outcome
from annotate.services.exporting import left_out_of, preview, read_recipe
from tests import factories as make
from tests.services.exports import answer, export, make_set, open_round, rows_of, said, vote

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: LazySettings, tmp_path: Path) -> None:
    """Keep what is exported among the files of the test."""
    settings.KURABE_HOME = tmp_path


def counted_in_sql(run: Any, cutoff: int, *, min_votes: int, margin: int) -> set[tuple[Any, ...]]:
    """Choose pairs by majority as PostgreSQL groups them: another way to the same rows."""
    path = "comparison__"
    depth = Case(
        When(turn=Vote.WHOLE_CONVERSATION, then=F(f"{path}prompt__turns__len")),
        default=F("turn"), output_field=IntegerField(),
    )  # fmt: skip
    tallies = {f"n_{outcome}": Count("pk", filter=Q(outcome=outcome)) for outcome in Outcome.values}
    groups = (
        Vote.objects.of_run(run).counting_at(cutoff).by_people().order_by()
        .values(
            key=F(f"{path}prompt__key"), a=F(f"{path}candidate_a__name"),
            b=F(f"{path}candidate_b__name"), sample_a=F(f"{path}completion_a__sample"),
            sample_b=F(f"{path}completion_b__sample"), depth=depth,
            is_held_out=F(f"{path}prompt__is_held_out"),
        )
        .annotate(**tallies)
    )  # fmt: skip
    chosen = set()
    for group in groups:
        lead, decisive = group["n_a"] - group["n_b"], group["n_a"] + group["n_b"]
        if group["is_held_out"] or decisive < max(min_votes, 1) or abs(lead) < margin:
            continue
        won, lost = ("a", "b") if lead > 0 else ("b", "a")
        chosen.add(
            (group["key"], group["depth"], group[won], group[f"sample_{won}"], group[lost],
             group[f"sample_{lost}"], group[f"n_{won}"], group[f"n_{lost}"], group["n_tie"],
             group["n_both_bad"])
        )  # fmt: skip
    return chosen


COLUMNS = (
    "prompt_id", "n_turns", "chosen_candidate", "chosen_sample", "rejected_candidate",
    "rejected_sample", "votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad",
)  # fmt: skip


@pytest.mark.parametrize(("min_votes", "margin"), [(1, 1), (2, 1), (3, 2)])
def test_majority_gives_the_rows_that_sql_counts(min_votes: int, margin: int) -> None:
    rng = np.random.default_rng(3)
    round_ = make.make_open_round(n_candidates=3, n_prompts=3, n_samples=2)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?", "Three?"])
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt)
    prompts = list(round_.run.prompts().order_by("id"))
    prompts[0].is_held_out = True
    prompts[0].save()
    people = [make.make_annotator() for _ in range(4)] + [make.make_annotator(kind="judge")]
    for _ in range(200):
        asked = prompts[rng.integers(len(prompts))]
        texts = list(asked.completions.order_by("candidate", "sample"))
        a, b = sorted(rng.choice(len(texts), 2, replace=False).tolist())
        if texts[a].candidate_id == texts[b].candidate_id:
            continue
        turn = int(rng.integers(0, len(asked.turns) + 1))
        vote(round_, texts[a], texts[b], "aabt-"[rng.integers(5)],
             annotators=[people[rng.integers(5)]], turn=turn)  # fmt: skip
    dataset = export(round_, min_votes=min_votes, margin=margin)
    rows = [tuple(row[name] for name in COLUMNS) for row in rows_of(dataset)]
    expected = counted_in_sql(round_.run, dataset.cutoff, min_votes=min_votes, margin=margin)
    assert (set(rows), len(rows)) == (expected, len(expected))
    assert len(rows) >= 3


def test_reliability_follows_those_who_agree_with_the_others() -> None:
    """Spam outvotes a careful annotator on one pair; who is which shows on all the others."""
    round_ = open_round("good", "bad")
    careful = [make.make_annotator() for _ in range(3)]
    spam = [make.make_annotator() for _ in range(2)]
    for number in range(24):
        good, bad = answer(round_, [f"Good {number}.", f"Bad {number}."])
        vote(round_, good, bad, "aaa" + "abba"[number % 4] + "baab"[number % 4],
             annotators=[*careful, *spam])  # fmt: skip
    good, bad = answer(round_, ["Fine.", "Poor."], key="disputed")
    vote(round_, good, bad, "abb", annotators=[careful[0], *spam])

    def disputed(**fields: Any) -> tuple[str, str]:
        rows = rows_of(export(round_, **fields))
        return next(said(row) for row in rows if row["prompt_id"] == "disputed")

    assert disputed(method="majority") == ("Poor.", "Fine.")
    assert disputed(method="reliability", min_probability=0.51) == ("Fine.", "Poor.")


def test_reliability_columns_are_probability_and_margin() -> None:
    round_ = open_round("x", "y")
    for outcomes in ("aaaa", "a", "ab", "tt"):
        vote(round_, *answer(round_, [f"X {outcomes}", f"Y {outcomes}"], key=outcomes), outcomes)
    dataset = export(round_, method="reliability", min_probability=0.6)
    rows = {row["prompt_id"]: row for row in rows_of(dataset)}
    assert set(rows) == {"aaaa", "a"}
    assert 0.6 < rows["a"]["agreement"] < rows["aaaa"]["agreement"] < 1
    for row in rows.values():
        assert row["margin"] == pytest.approx(2 * row["agreement"] - 1)
    assert left_out_of(dataset.counts) == {"no_decisive_vote": 1, "probability_too_small": 1}


def test_strength_joins_completions_that_never_met() -> None:
    round_ = open_round("x", "y", "z")
    x, y, z = answer(round_, ["Best.", "Middling.", "Worst."])
    vote(round_, x, y, "aaat")
    vote(round_, y, z, "aaab")
    answer(round_, ["Alone 1.", "Alone 2.", "Alone 3."])
    rows = {said(row): row for row in rows_of(export(round_, method="strength"))}
    assert set(rows) >= {("Best.", "Middling."), ("Best.", "Worst.")}
    apart = rows["Best.", "Worst."]
    assert (apart["n_votes"], apart["votes_chosen"], apart["annotator_kinds"]) == (0, 0, ["person"])
    near = rows["Best.", "Middling."]
    assert (near["votes_chosen"], near["votes_tie"], near["n_votes"]) == (3, 1, 4)
    assert apart["margin"] > near["margin"] > 0
    for row in rows.values():
        assert row["agreement"] == pytest.approx(1 / (1 + np.exp(-row["margin"])))
        assert row["agreement"] >= 0.75


def test_strength_counts_pairs_that_are_too_close_or_seldom_judged() -> None:
    round_ = open_round("x", "y", "z")
    x, y, z = answer(round_, ["X.", "Y.", "Z."])
    vote(round_, x, y, "aaaaab")
    vote(round_, y, z, "at")
    dataset = export(round_, method="strength", min_votes=2)
    assert [said(row) for row in rows_of(dataset)] == [("X.", "Y.")]
    assert left_out_of(dataset.counts) == {"too_few_votes": 2}


def test_ranking_puts_all_replies_in_order() -> None:
    round_ = open_round("x", "y", "z", "w")
    x, y, z, w = answer(round_, ["X.", "Y.", "Z.", " "], key="p", system="Be brief.")
    vote(round_, x, y, "bbb")
    vote(round_, y, z, "aa")
    vote(round_, x, z, "tt")
    vote(round_, x, w, "a")
    (row,) = rows_of(export(round_, form="ranking"))
    assert [each[-1]["content"] for each in row["completions"]] == ["Y.", "X.", "Z."]
    assert row["candidates"] == ["y", "x", "z"]
    assert row["ranks"] == [1, 2, 3]
    assert row["n_votes"] == [5, 6, 4]
    assert sum(row["strengths"]) == pytest.approx(0)
    assert row["strengths"] == sorted(row["strengths"], reverse=True)
    assert row["prompt"][0] == {"role": "system", "content": "Be brief."}


def test_ranking_gives_equals_one_rank_and_leaves_single_replies_out() -> None:
    round_ = open_round("x", "y", "z")
    x, y, z = answer(round_, ["X.", "Y.", "Z."])
    vote(round_, x, y, "tt")
    vote(round_, y, z, "aa")
    vote(round_, x, z, "aa")
    vote(round_, *answer(round_, ["Same.", "Same.", ""])[:2], "a")
    dataset = export(round_, form="ranking")
    (row,) = rows_of(dataset)
    assert row["ranks"] == [1, 1, 3]
    assert left_out_of(dataset.counts) == {"fewer_than_two_replies": 1}


def test_leaked_and_flagged_completions_are_left_out_and_counted() -> None:
    round_ = open_round("x", "y")
    made = {key: answer(round_, [f"X {key}", f"Y {key}"], key=key) for key in "abcde"}
    for pair in made.values():
        vote(round_, *pair, "a")
    measured = {"version": 1, "n_characters": 5, "repetition": 0}
    for key, leakage in (("a", 0.3), ("b", 0.04), ("c", 0), ("d", 0)):
        for completion in made[key]:
            CompletionMeasure.objects.create(completion=completion, leakage=leakage, **measured)
    reported = Vote.objects.get(comparison__prompt__key="d").comparison
    Report.objects.create(comparison=reported, completion=made["d"][1])
    asked = make.make_prompt(round_.run.prompt_sets.get(), key="f")
    x, y = round_.candidates.order_by("id")
    named = make.make_completion(x, asked, replies=["I am X."], names_maker="I am X")
    vote(round_, named, make.make_completion(y, asked), "b")
    both = export(round_, leave_out_leaked=True, leave_out_flagged=True)
    assert {row["prompt_id"] for row in rows_of(both)} == {"b", "c", "e"}
    assert left_out_of(both.counts) == {"leaked": 1, "flagged": 2}
    assert {"name": "unmeasured", "n": 4} in both.counts["warnings"]
    assert len(rows_of(export(round_))) == 6


def test_near_equal_texts_teach_nothing_and_repeat_nothing() -> None:
    round_ = open_round("x", "y", "z")
    long = "A long reply about the weather in Kyoto, with many words."
    x, y, z = answer(round_, [long, long.replace("many", "some"), "Short."])
    vote(round_, x, y, "a")
    vote(round_, x, z, "aa")
    vote(round_, y, z, "aaa")
    dataset = export(round_, near_equal=0.9)
    (row,) = rows_of(dataset)
    assert (said(row)[1], row["votes_chosen"]) == ("Short.", 3)
    assert left_out_of(dataset.counts) == {"near_equal": 1, "near_duplicate": 1}
    assert len(rows_of(export(round_))) == 3


def test_max_pairs_per_prompt_keeps_the_surest() -> None:
    round_ = open_round("x", "y", "z")
    x, y, z = answer(round_, ["X.", "Y.", "Z."])
    vote(round_, x, y, "aab")
    vote(round_, x, z, "aaa")
    vote(round_, y, z, "a")
    vote(round_, *answer(round_, ["1.", "2.", "3."])[:2], "a")
    dataset = export(round_, max_pairs_per_prompt=1)
    assert sorted(map(said, rows_of(dataset))) == [("1.", "2."), ("X.", "Z.")]
    assert left_out_of(dataset.counts) == {"over_limit_of_prompt": 2}


def test_balance_draws_as_many_of_each_language_and_length() -> None:
    round_ = open_round("x", "y")
    told = [("en", "aaaaaabb"), ("ja", "aaab")]
    for language, outcomes in told:
        for letter in outcomes:
            vote(round_, *answer(round_, ["A longer reply.", "Short."], language=language), letter)
    dataset = export(round_, balance=["language", "length"])
    rows = rows_of(dataset)
    found = sorted((row["language"], len(said(row)[0]) > len(said(row)[1])) for row in rows)
    assert found == [("en", False), ("en", True), ("ja", False), ("ja", True)]
    assert left_out_of(dataset.counts) == {"out_of_balance": 8}
    again = export(round_, balance=["language", "length"])
    assert rows_of(again) == rows
    other = export(round_, balance=["language", "length"], seed=5)
    assert rows_of(other) != rows


def test_balance_by_category_alone_keeps_the_rarest() -> None:
    round_ = open_round("x", "y")
    for category, n in (("joke", 5), ("code", 2)):
        for _ in range(n):
            vote(round_, *answer(round_, ["Longer one.", "Short."], category=category), "a")
    rows = rows_of(export(round_, balance=["category"]))
    assert sorted(row["category"] for row in rows) == ["code", "code", "joke", "joke"]


def test_conversations_of_several_turns_are_chosen_by_strength_at_each_depth() -> None:
    round_ = open_round("x", "y")
    x, y = answer(round_, [["x1", "x2"], ["y1", "y2"]], turns=["One?", "Two?"])
    vote(round_, x, y, "bbb", turn=1)
    vote(round_, x, y, "aaa")
    rows = rows_of(export(round_, method="strength"))
    assert [(row["n_turns"], said(row)) for row in rows] == [(1, ("y1", "x1")), (2, ("x2", "y2"))]


def test_japanese_texts_come_out_as_they_are() -> None:
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["はい、そうです。", "いいえ。"], turns=["本当？"]), "a")
    (row,) = rows_of(export(round_, near_equal=0.9, balance=["language"], method="strength"))
    assert said(row) == ("はい、そうです。", "いいえ。")


def test_preview_of_a_run_without_votes_has_nothing() -> None:
    round_ = open_round("x", "y")
    for form in ("dpo", "kto", "reward", "ranking", "votes", "arena"):
        seen = preview(read_recipe({"sources": [{"run": round_.run.slug}], "form": form}))
        assert (seen.n_rows, seen.n_test_rows, seen.examples, seen.warnings) == (0, 0, [], [])


def test_sets_and_limits_work_together() -> None:
    """A prompt's limit counts the rows of every source."""
    round_ = open_round("x", "y")
    vote(round_, *answer(round_, ["X.", "Y."], turns=["Same?"]), "a")
    make_set("s", {"question": "Same?"}, {"question": "Other?"}, {"question": "Other? "})
    dataset = export(round_, {"preference_set": "s"}, max_pairs_per_prompt=1)
    assert len(rows_of(dataset)) == 2
    assert left_out_of(dataset.counts) == {"over_limit_of_prompt": 2}
