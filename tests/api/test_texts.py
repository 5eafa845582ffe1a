"""Candidates, prompts, completions, rankings and agreement, as programs read them."""

from typing import Any

import pytest

from annotate.models import Round
from annotate.ranking import RankingSettings
from annotate.services.rankings import store_rankings
from tests import factories as make
from tests.api.conftest import Program
from tests.views.pages import cast_votes


@pytest.fixture
def round_(db: None) -> Round:
    """Open a round of two candidates on three prompts, one of them Japanese and held out."""
    round_ = make.make_open_round(n_prompts=2, n_samples=2)
    prompt = make.make_prompt(
        round_.run.prompt_sets.get(), language="ja", category="書く", is_held_out=True,
        turns=["お茶とは?", "紅茶は?"], references=["", "発酵した茶"],
    )  # fmt: skip
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt, replies=["飲み物です。", "それも茶です。"])
    return round_


def test_candidates_are_listed_with_what_made_them(reader: Program, round_: Round) -> None:
    parent = make.make_candidate(
        round_.run, name="base", model="shisa", licence="apache-2.0", sampling={"temperature": 0.4}
    )
    child = make.make_candidate(round_.run, name="child", origin="dpo")
    child.parents.add(parent)
    told = reader.read(f"/runs/{round_.run.slug}/candidates")["items"]
    assert [each["name"] for each in told][2:] == ["base", "child"]
    assert (told[2]["model"], told[2]["sampling"]) == ("shisa", {"temperature": 0.4})
    assert (told[3]["parents"], told[3]["origin"], told[3]["training"]) == (["base"], "dpo", None)
    assert reader.read(f"/candidates/{child.pk}") == told[3]
    assert reader.get("/api/v1/candidates/99999999999999999999").status_code == 404


def test_prompts_are_read_of_a_set_or_of_a_run(reader: Program, round_: Round) -> None:
    slug = round_.run.prompt_sets.get().slug
    assert [each["slug"] for each in reader.read("/prompt-sets")["items"]] == [slug]
    of_set = reader.read(f"/prompt-sets/{slug}/prompts")["items"]
    assert of_set == reader.read(f"/runs/{round_.run.slug}/prompts")["items"]
    (japanese,) = reader.read(f"/prompt-sets/{slug}/prompts", language="ja")["items"]
    assert japanese["turns"] == ["お茶とは?", "紅茶は?"]
    assert (japanese["references"], japanese["prompt_set"]) == (["", "発酵した茶"], slug)
    for query in ({"category": "書く"}, {"is_held_out": "true"}):
        assert reader.read(f"/runs/{round_.run.slug}/prompts", **query)["items"] == [japanese]
    assert reader.read(f"/prompt-sets/{slug}/prompts", language="fr")["items"] == []
    assert reader.get("/api/v1/prompt-sets/none/prompts").status_code == 404


def test_completions_are_found_by_candidate_prompt_and_sample(
    reader: Program, round_: Round
) -> None:
    address = f"/runs/{round_.run.slug}/completions"
    everything = reader.read(address)["items"]
    assert len(everything) == 2 * (2 * 2 + 1)
    name, key = everything[0]["candidate"], everything[0]["prompt"]
    found = reader.read(address, candidate=name, prompt=key, sample=1)["items"]
    expected = [
        each for each in everything
        if (each["candidate"], each["prompt"], each["sample"]) == (name, key, 1)
    ]  # fmt: skip
    assert found == expected
    assert len(found) == 1
    long = [each["replies"] for each in everything if len(each["replies"]) == 2]
    assert long == [["飲み物です。", "それも茶です。"]] * 2
    refused = reader.get(f"/api/v1{address}", {"candidate": "candidat"})
    assert refused.status_code == 404
    assert name in refused.json()["detail"]


def rank(round_: Round, **options: Any) -> list[int]:
    settings = RankingSettings(n_resamples=100)
    rankings = store_rankings(run=round_.run, settings=settings, **options)
    return [each.pk for each in rankings]


def test_newest_ranking_is_found_by_its_slice(reader: Program, round_: Round) -> None:
    cast_votes(round_, make.make_annotator(), 3)
    (older,), (whole,) = rank(round_), rank(round_)
    languages = rank(round_, by="language")
    (turn,) = rank(round_, filters={"turn": "overall"})
    (both,) = rank(round_, filters={"language": "en", "round": 1})
    latest = f"/runs/{round_.run.slug}/rankings/latest"
    assert reader.read(latest)["id"] == whole
    assert reader.read(latest, language="en")["id"] == languages[0]
    assert reader.read(latest, turn="overall")["id"] == turn
    assert reader.read(latest, language="en", round=1)["id"] == both
    missing = reader.get(f"/api/v1{latest}", {"category": "x"}, headers={"Accept-Language": "en"})
    assert missing.status_code == 404
    assert missing.json()["detail"].startswith(
        f"Run {round_.run.slug} has no ranking of category x; it has: language en, round 1;"
    )
    listed = reader.read(f"/runs/{round_.run.slug}/rankings")["items"]
    assert [each["id"] for each in listed] == [both, turn, *languages[::-1], whole, older]
    assert "standings" not in listed[0]


def test_ranking_is_a_snapshot_with_a_tag_of_its_own(reader: Program, round_: Round) -> None:
    cast_votes(round_, make.make_annotator(), 3)
    (pk,) = rank(round_)
    answer = reader.get(f"/api/v1/rankings/{pk}")
    told = answer.json()
    assert [row["name"] for row in told["standings"]] == [
        each.name for each in round_.candidates.order_by("pk")
    ]
    assert (told["n_votes"], told["slices"], answer["ETag"]) == (3, {}, f'"ranking-{pk}"')
    for address in (f"/rankings/{pk}", f"/runs/{round_.run.slug}/rankings/latest"):
        again = reader.get(f"/api/v1{address}", headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 304
    assert reader.get(f"/api/v1/rankings/{pk + 1}").status_code == 404
    other = make.make_run()
    assert reader.get(f"/api/v1/runs/{other.slug}/rankings/latest").status_code == 404


def test_agreement_is_told_with_its_gaps_and_without_names(reader: Program, round_: Round) -> None:
    address = f"/runs/{round_.run.slug}/agreement"
    (told,) = reader.read(address)
    assert (told["votes"], told["alpha"], told["annotators"]) == (0, None, [])
    voters = [make.make_annotator(name="Ada Lovelace"), make.make_annotator(name="Rei")]
    for voter in voters:
        cast_votes(round_, voter, 3)
    (told,) = reader.read(address)
    assert (told["votes"], told["units"], told["raw_agreement"]["value"]) == (6, 3, 1.0)
    assert told["alpha"] is None
    assert "alpha" in told["gaps"]
    assert {each["pseudonym"] for each in told["annotators"]} == {each.pseudonym for each in voters}
    assert "Lovelace" not in str(told)
    assert [each["value"] for each in reader.read(address, by="language")] == ["en"]
    assert reader.get(f"/api/v1{address}", {"by": "turn"}).status_code == 422
