"""`manage.py quality`: the keys of its JSON, and tables that explain themselves."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotate.models import Annotator, Round, Vote
from annotate.services import voting
from annotate.services.exclusions import exclude
from tests import factories as make
from tests.views.pages import cast_votes, make_dataset

pytestmark = pytest.mark.django_db

RUN_KEYS = ["run", "votes", "excluded", "votes_excluded", "identical_pairs", "units", "alpha",
            "alpha_low", "alpha_high", "raw_agreement", "left_share", "left_share_se",
            "annotators", "withdrawn_since"]  # fmt: skip
ONLY_OF_THE_WHOLE = {"identical_pairs", "withdrawn_since"}
ANNOTATOR_KEYS = ["name", "pseudonym", "kind", "is_excluded", "exclusion_reason", "votes",
                  "agreement", "self_consistency", "self_consistency_pairs", "gold_right",
                  "gold_answered", "gold_accuracy", "gold_accuracy_low", "gold_accuracy_high",
                  "left_share", "left_share_low", "left_share_high",
                  "seconds_per_1000_characters", "reliability", "reliability_se", "skips",
                  "reports"]  # fmt: skip


def quality(round_: Round, *options: str) -> str:
    written = io.StringIO()
    call_command("quality", round_.run.slug, *options, stdout=written)
    return written.getvalue()


def quality_json(round_: Round, *options: str) -> Any:
    return json.loads(quality(round_, "--json", *options))


def make_judged_round() -> Round:
    """Let two people judge three pairs, apart on none, and a simulation the first of them."""
    round_ = make.make_open_round()
    for name in ("Ada", "Bo"):
        cast_votes(round_, make.make_annotator(name=name), 2)
    cast_votes(round_, make.make_annotator(kind="simulated", name="robot"), 1, "both_bad")
    return round_


def test_quality_json_has_these_keys() -> None:
    found = quality_json(make_judged_round())
    assert list(found) == RUN_KEYS
    assert [list(row) for row in found["annotators"]] == [ANNOTATOR_KEYS] * 3
    assert [(row["name"], row["kind"], row["votes"]) for row in found["annotators"]] == [
        ("Ada", "person", 2),
        ("Bo", "person", 2),
        ("robot", "simulated", 1),
    ]


def test_quality_json_has_these_numbers() -> None:
    """Of 3 + 1 unordered pairs of votes 1 + 1 agree; D_o = 2 / 5, D_e = 8 / 20, alpha 0."""
    round_ = make_judged_round()
    found = quality_json(round_)
    assert (found["run"], found["votes"], found["units"]) == (round_.run.slug, 5, 2)
    assert found["raw_agreement"] == pytest.approx(0.5)
    assert found["alpha"] == pytest.approx(0.0)
    assert found["alpha_low"] <= found["alpha"] <= found["alpha_high"]
    assert (found["left_share"], found["left_share_se"]) == (1.0, None)
    ada, _bo, robot = found["annotators"]
    assert (ada["agreement"], robot["agreement"]) == pytest.approx((2 / 3, 0.0))
    assert (ada["left_share"], robot["left_share"], ada["self_consistency"]) == (1.0, None, None)


def test_quality_json_is_null_where_nobody_judged_the_same_pair() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 2)
    found = quality_json(round_)
    missing = ("alpha", "alpha_low", "alpha_high", "raw_agreement", "left_share_se")
    assert [found[key] for key in missing] == [None] * 5
    assert (found["units"], found["left_share"]) == (0, 1.0)
    (row,) = found["annotators"]
    assert (row["agreement"], row["reliability"]) == (None, None)


def test_quality_json_of_no_votes() -> None:
    found = quality_json(make.make_open_round())
    assert (found["votes"], found["annotators"], found["alpha"]) == (0, [], None)


@pytest.mark.parametrize(("by", "value"), [("language", "en"), ("category", "")])
def test_quality_json_by_slice(by: str, value: str) -> None:
    found = quality_json(make_judged_round(), "--by", by)
    assert found["by"] == by
    (slice_,) = found["slices"]
    told = [key for key in RUN_KEYS[1:] if key not in ONLY_OF_THE_WHOLE]
    assert list(slice_) == ["run", "value", *told]
    assert (slice_["value"], slice_["votes"]) == (value, 5)


def test_quality_names_the_excluded_and_says_why() -> None:
    round_ = make_judged_round()
    robot = Annotator.objects.get(name="robot")
    exclude(run=round_.run, annotator=robot, reason="a robot,\nno person")
    found = quality_json(round_)
    assert (found["votes"], found["excluded"], found["votes_excluded"]) == (4, 1, 1)
    (row,) = (row for row in found["annotators"] if row["is_excluded"])
    assert (row["name"], row["exclusion_reason"]) == ("robot", "a robot,\nno person")
    assert row["pseudonym"] == robot.pseudonym
    text = quality(round_)
    assert "4 votes (4 by people), 1 annotator excluded" in text
    assert "excluded: robot, whose votes count nowhere above: a robot, no person" in text


def test_quality_names_datasets_made_from_votes_taken_back() -> None:
    round_ = make_judged_round()
    assert quality_json(round_)["withdrawn_since"] == []
    make_dataset(round_.run)
    votes = Vote.objects.filter(comparison__annotator__name="Ada")
    voting.withdraw_vote(vote=votes[0], by=None)
    number = votes.get(withdrawn_number__isnull=False).withdrawn_number
    dataset = make_dataset(round_.run, cutoff=number - 1)
    assert quality_json(round_)["withdrawn_since"] == [
        {"dataset": dataset.pk, "with_consent": 0, "single": 1}
    ]
    assert f"dataset {dataset.pk} was made from 1 votes that were taken back" in quality(round_)


def test_quality_counts_pairs_that_are_never_shown() -> None:
    round_ = make_judged_round()
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt, replies=["the same"])
    assert quality_json(round_)["identical_pairs"] == 1
    assert "1 pairs are recorded as identical, and never shown" in quality(round_)


def test_quality_tables_define_and_show_each_number() -> None:
    text = quality(make_judged_round())
    assert "5 votes (4 by people, 1 by simulated annotators)" in text
    assert "5 votes on 2 pairs that two or more judged" in text
    assert "alpha: Krippendorff's, nominal" in text
    assert "reliability: how sharply votes follow the common strengths" in text
    ada, care = (line.split() for line in text.splitlines() if "Ada" in line)
    assert ada[:5] == ["Ada", "person", "2", "0.667", "1.000"]
    assert care[:7] == ["Ada", "–", "0", "–", "0", "of", "0"]
    assert care[-2:] == ["0", "0"]
    assert "no self: Nobody judged the same pair twice." in text


def test_quality_tables_say_why_a_number_is_missing() -> None:
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(), 1)
    text = quality(round_)
    assert "no alpha: No two annotators judged the same pair of completions." in text
    assert "no reliability: Reliability needs a second annotator to compare with." in text


def test_quality_tables_show_a_long_name_whole() -> None:
    round_ = make.make_open_round()
    name = "注釈者" * 66
    cast_votes(round_, make.make_annotator(name=name), 1)
    lines = [line for line in quality(round_).splitlines() if "注" in line]
    assert "".join(line.split()[0] for line in lines) == name * 2  # in either table


def test_quality_tables_take_a_name_as_it_is() -> None:
    """Square brackets are markup to the table's library."""
    round_ = make.make_open_round()
    cast_votes(round_, make.make_annotator(name="[bold]Ada[/bold]"), 1)
    assert "[bold]Ada[/bold]" in quality(round_)


def test_quality_by_slice_of_no_votes_says_so() -> None:
    round_ = make.make_open_round()
    assert quality(round_, "--by", "language") == f"run {round_.run.slug} has no votes yet\n"


def test_quality_of_an_unknown_run_is_refused() -> None:
    with pytest.raises(CommandError, match="no run is called 'nowhere'"):
        call_command("quality", "nowhere")
