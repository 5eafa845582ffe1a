"""`rank`: a table for people, JSON for programs."""

import json
import math
from typing import Any

import pytest

from annotate.models import Ranking
from tests import factories as make
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db

FIELDS = {"name", "group", "strength", "low", "high", "wins", "losses", "ties", "votes"}


def ranked(run: Run, *words: str) -> Any:
    return json.loads(run("rank", *words, "--json"))


def test_rank_prints_json_of_every_candidate(voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run)
    assert (answer["run"], answer["votes"], answer["votes_by_kind"]) == ("r", 4, {"person": 4})
    assert [row["name"] for row in answer["candidates"]] == ["x", "z", "y", "w"]
    assert all(set(row) >= FIELDS for row in answer["candidates"])
    x, z, y, w = answer["candidates"]
    assert [x[count] for count in ("wins", "losses", "ties", "votes")] == [3, 0, 0, 3]
    assert [y[count] for count in ("wins", "losses", "ties", "votes")] == [0, 2, 1, 3]
    assert x["low"] < x["strength"] < x["high"]
    assert x["strength"] + y["strength"] + z["strength"] == pytest.approx(0, abs=1e-9)
    assert (w["group"], w["strength"], w["low"], w["high"], w["votes"]) == (None,) * 4 + (0,)


def test_rank_keeps_the_ranking_that_it_prints(voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run, "--prior", "1.5", "--level", "0.9", "--seed", "3",
                    "--resamples", "200")  # fmt: skip
    ranking = Ranking.objects.get(pk=answer["ranking"])
    assert ranking.cutoff == answer["cutoff"]
    stored = [(row["name"], row["strength"]) for row in ranking.standings]
    assert stored == [(row["name"], row["strength"]) for row in answer["candidates"]]
    assert answer["settings"] == {"prior": 1.5, "level": 0.9, "n_resamples": 200, "seed": 3,
                                  "clusters": "widest", "anytime": False}  # fmt: skip


def test_rank_without_a_prior_parts_what_no_circle_of_wins_joins(voted_run: str, run: Run) -> None:
    groups = {row["name"]: row["group"] for row in ranked(run, voted_run)["candidates"]}
    assert groups == {"x": 0, "y": 0, "z": 0, "w": None}
    alone = {row["name"]: row["group"]
             for row in ranked(run, voted_run, "--prior", "0")["candidates"]}  # fmt: skip
    assert alone == {"y": 0, "z": 0, "x": 1, "w": None}


def test_rank_by_language_gives_a_ranking_of_each(voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run, "--by", "language")
    assert answer["by"] == "language"
    votes = {each["value"]: each["votes"] for each in answer["slices"]}
    assert votes == {"en": 3, "ja": 1}
    assert all(len(each["candidates"]) == 4 for each in answer["slices"])


@pytest.mark.parametrize(
    ("by", "values"),
    [("category", [""]), ("turn", ["overall"]), ("kind", ["person"]), ("round", ["1"])],
)
def test_rank_by_other_slices(by: str, values: list[str], voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run, "--by", by)
    assert [each["value"] for each in answer["slices"]] == values
    assert sum(each["votes"] for each in answer["slices"]) == 4


def test_rank_of_filters_together(voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run, "--round", "1", "--kind", "person", "--language", "en",
                    "--turn", "overall", "--category", "")  # fmt: skip
    assert answer["votes"] == 3
    assert answer["filters"] == {"round": 1, "kind": "person", "language": "en",
                                 "turn": "overall", "category": ""}  # fmt: skip
    assert ranked(run, voted_run, "--kind", "judge")["votes"] == 0


def test_rank_by_language_of_one_kind(voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run, "--by", "language", "--kind", "person")
    assert [(each["value"], each["filters"]) for each in answer["slices"]] == [
        ("en", {"kind": "person"}),
        ("ja", {"kind": "person"}),
    ]
    assert ranked(run, voted_run, "--by", "language", "--kind", "judge")["slices"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--language", "de"], "run r has no language de; there is en, ja"),
        (["--category", "joke"], 'run r has no category joke; there is ""'),
        (["--turn", "2"], "run r has no turn 2; there is overall, 1"),
        (
            ["--by", "round", "--round", "1"],
            "by round and of one round are two different wishes; leave one of them out",
        ),
        (
            ["--scale", "logistic", "--anchor", "v"],
            "run r has no candidate 'v'; there is 'w', 'x', 'y', 'z'",
        ),
        (["--anchor", "x"], "--anchor belongs to --scale logistic, and not to --scale log"),
    ],
)
def test_rank_refuses_what_the_run_does_not_have(
    words: list[str], message: str, voted_run: str, refused: Run
) -> None:
    assert refused("rank", voted_run, *words).startswith(message)
    assert not Ranking.objects.exists()


def test_rank_on_another_scale_keeps_log_strengths(voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run, "--scale", "elo")
    assert (answer["scale"], answer["unit"]) == ("elo", "Elo points")
    stored = Ranking.objects.get().standings
    for shown, kept in zip(answer["candidates"][:3], stored, strict=False):
        for field in ("strength", "low", "high"):
            assert shown[field] == pytest.approx(1000 + 400 / math.log(10) * kept[field])
    assert answer["candidates"][3]["strength"] is None


def test_rank_on_the_logistic_scale_puts_the_anchors_at_five(voted_run: str, run: Run) -> None:
    answer = ranked(run, voted_run, "--scale", "logistic", "--anchor", "z")
    found = {row["name"]: row["strength"] for row in answer["candidates"]}
    assert found["z"] == pytest.approx(5)
    assert 10 > found["x"] > 5 > found["y"] > 0


def test_rank_refuses_an_anchor_without_votes(voted_run: str, refused: Run) -> None:
    said = refused("rank", voted_run, "--scale", "logistic", "--anchor", "w")
    assert said == "'w' has no votes here, so it cannot anchor a scale"


def test_rank_table_says_unit_and_kind_of_interval(voted_run: str, run: Run) -> None:
    def headings(*words: str) -> list[str]:
        return [" ".join(line.split()) for line in run("rank", voted_run, *words).splitlines()[2:4]]

    assert headings() == [
        "strength",
        "rank of candidate (log odds) 95 % P(best) won-lost-tied votes",
    ]
    assert headings("--scale", "elo", "--anytime") == [
        "strength 95 %",
        "rank of candidate (Elo points) at every moment P(best) won-lost-tied votes",
    ]
    assert Ranking.objects.latest("id").settings["anytime"] is True


def test_rank_of_one_round(voted_run: str, run: Run, refused: Run) -> None:
    assert ranked(run, voted_run, "--round", "1")["votes"] == 4
    for number in ("0", "2"):
        said = f"run r has no round {number}; there is 1"
        assert refused("rank", voted_run, "--round", number) == said


def test_rank_prints_a_table(voted_run: str, run: Run) -> None:
    lines = run("rank", voted_run).splitlines()
    assert lines[0].strip() == "r: 4 votes (4 by people)"
    table = [line.split() for line in lines if line.split()]
    order = [words for words in table if set(words) & set("xyzw")]
    assert [next(word for word in words if word in "xyzw") for words in order] == list("xzyw")
    assert order[0][0] == "1"
    assert "no votes" in next(line for line in lines if " w " in line)


def test_rank_table_names_the_slice_and_the_level(voted_run: str, run: Run) -> None:
    said = run("rank", voted_run, "--by", "language", "--level", "0.8")
    assert "r, language en: 3 votes (3 by people)" in said
    assert "r, language ja: 1 votes (1 by people)" in said
    assert "80 %" in said


def test_rank_of_a_run_without_votes(run: Run) -> None:
    slug = make.make_open_round().run.slug
    assert ranked(run, slug)["votes"] == 0
    assert ranked(run, slug, "--by", "turn") == {"by": "turn", "slices": []}
    assert run("rank", slug, "--by", "turn") == f"run {slug} has no votes yet\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prior", "-1"], "prior is -1.0: it must be 0, or between 1e-06 and 1e+06"),
        (["--level", "95"], "level is 95.0: it must lie between 0 and 1, as 0.95 does"),
        (["--resamples", "9"], "n_resamples is 9: at least 100"),
        (["--seed", "-1"], "seed is -1: it must be 0 or more"),
        (["--prior", "some"], "Error: argument --prior: invalid float value: 'some'"),
        (["--by", "mood"], "Error: argument --by: invalid choice: 'mood' (choose from"),
    ],
)
def test_rank_refuses_settings_that_make_no_sense(
    words: list[str], message: str, voted_run: str, refused: Run
) -> None:
    assert refused("rank", voted_run, *words).startswith(message)
    assert not Ranking.objects.exists()


def test_rank_refuses_an_unknown_run(voted_run: str, refused: Run) -> None:
    assert refused("rank", "R") == "no run is called 'R'; there is 'r'"
