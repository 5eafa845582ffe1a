"""Datasets by the API: asked for, watched, streamed, resumed; read by the libraries for them."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotate.models import Export, PreferencePair, PreferenceSet, SelectionRun
from annotate.services.exporting import export_dataset, files, run_export, votes_of
from annotate.services.exporting.recipe import read_recipe
from annotate.services.tokens import make_token
from tests import factories as make
from tests.api.conftest import Program
from tests.api.test_documented import READING
from tests.services.trainings import export, vote_on
from tests.views.pages import make_dataset

PROBLEM = "application/problem+json"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


@pytest.fixture
def exporter(db: None) -> Program:
    return Program("researcher", "export")


@pytest.fixture
def run(db: None) -> SelectionRun:
    """Make a run with a vote on each of 20 prompts, two of them Japanese."""
    japanese = {"turns": ["お茶とは?"], "language": "ja"}
    return vote_on(*[{} for _prompt in range(18)], japanese, japanese | {"turns": ["紅茶とは?"]})


def body_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_dataset_is_asked_for_watched_and_read(exporter: Program, run: SelectionRun) -> None:
    recipe = {"form": "dpo", "sources": [{"run": run.slug}], "test_share": 0.25}
    answer = exporter.send("/exports?ending=csv", recipe)
    asked = answer.json()
    assert (answer.status_code, asked["state"]) == (202, "queued")
    assert (asked["dataset"], asked["address"]) == (None, None)
    assert answer["Location"] == f"/api/v1/exports/{asked['id']}"
    run_export(Export.objects.get())
    told = exporter.get(answer["Location"]).json()
    assert (told["state"], told["created_by"]) == ("finished", exporter.user.username)
    assert told["address"] == f"/api/v1/datasets/{told['dataset']}/dpo.csv"
    assert body_of(exporter.get(told["address"])).startswith(b"prompt,chosen,rejected")
    shown = exporter.read(f"/datasets/{told['dataset']}")
    files = {(each["split"], each["ending"]): each for each in shown["files"]}
    assert {("train", "jsonl"), ("test", "jsonl"), ("train", "csv")} <= set(files)
    for file in files.values():
        content = body_of(exporter.get(file["address"]))
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["n_bytes"]
    assert shown["n_rows"] + files["test", "jsonl"]["n_rows"] == 20
    assert [each["run"] for each in shown["sources"]] == [run.slug]
    assert exporter.read(f"/runs/{run.slug}/exports")["items"] == [told]
    (line,) = exporter.read("/datasets", run=run.slug, form="dpo")["items"]
    assert line["id"] == told["dataset"]
    assert exporter.read("/datasets", form="kto")["items"] == []


def test_card_is_read_as_it_was_written(reader: Program, run: SelectionRun) -> None:
    card = "---\nlicense: mit\n---\n# 茶\n"
    dataset = make_dataset(run, card=card)
    answer = reader.get(f"/api/v1/datasets/{dataset.pk}/card")
    assert (answer.content.decode(), answer["Content-Type"]) == (
        card, "text/markdown; charset=utf-8",
    )  # fmt: skip
    old = make_dataset(run)
    assert reader.get(f"/api/v1/datasets/{old.pk}/card").status_code == 404


def test_recipe_is_counted_before_it_is_carried_out(exporter: Program, run: SelectionRun) -> None:
    told = exporter.send("/exports/preview", {"sources": [{"run": run.slug}]}).json()
    assert (told["n_rows"], told["n_test_rows"], len(told["examples"])) == (20, 0, 10)
    assert told["by_language"] == {"en": 18, "ja": 2}
    assert told["recipe"]["sources"][0]["cutoff"] > 0
    assert not Export.objects.exists()


def test_prompts_to_ask_anew_come_as_lines_or_the_reason_why_there_are_none(
    exporter: Program, run: SelectionRun
) -> None:
    recipe = {"sources": [{"run": run.slug}]}
    refused = exporter.send("/exports/both-bad", recipe)
    assert refused.status_code in (409, 422)
    assert "there is none to ask anew" in refused.json()["detail"]
    round_ = run.rounds.first()
    assert round_ is not None
    asked = make.make_prompt(run.prompt_sets.first(), key="bad", turns=["Why?"])
    pair = [make.make_completion(each, asked) for each in round_.candidates.order_by("id")[:2]]
    comparison = make.make_comparison(*pair, round_=round_, annotator=make.make_annotator())
    make.make_vote(comparison, "both_bad")
    answer = exporter.send("/exports/both-bad", recipe)
    assert answer["Content-Type"] == "application/x-ndjson; charset=utf-8"
    (row,) = map(json.loads, answer.content.splitlines())
    assert (row["key"], row["turns"]) == ("bad", ["Why?"])


def test_recipe_that_cannot_be_is_refused_with_all_faults(
    exporter: Program, run: SelectionRun
) -> None:
    for address in ("/exports", "/exports/preview", "/exports/both-bad"):
        answer = exporter.send(
            address, {"form": "dpoo", "sources": [{"run": run.slug}], "seed": -1}
        )
        told = answer.json()
        assert (answer.status_code, told["type"]) == (422, "urn:kurabe:problem:recipe-refused")
        assert sorted(each["path"] for each in told["faults"]) == ["form", "seed"]
        unknown = exporter.send(address, {"sources": [{"run": "nowhere"}]})
        assert (unknown.status_code, unknown.json()["faults"][0]["path"]) == (422, "sources.0.run")
    assert not Export.objects.exists()


def test_export_that_failed_says_why(exporter: Program, run: SelectionRun) -> None:
    recipe = {"sources": [{"run": run.slug}], "min_votes": 5}
    address = exporter.send("/exports", recipe)["Location"]
    run_export(Export.objects.get())
    told = exporter.get(address).json()
    assert (told["state"], told["dataset"]) == ("failed", None)
    assert run.slug in told["failure"]


def test_download_goes_on_where_it_broke_off(exporter: Program, run: SelectionRun) -> None:
    dataset = export(run)
    address = f"/api/v1/datasets/{dataset.pk}/dpo.jsonl"
    whole = exporter.get(address, headers={"Accept-Encoding": "gzip"})
    content = body_of(whole)
    assert "Content-Encoding" not in whole
    assert (whole["ETag"], whole["Accept-Ranges"]) == (f'"{dataset.sha256}"', "bytes")
    assert hashlib.sha256(content).hexdigest() == dataset.sha256
    part = {"Range": "bytes=100-", "If-Range": whole["ETag"]}
    rest = exporter.get(address, headers=part)
    assert (rest.status_code, body_of(rest)) == (206, content[100:])
    assert rest["Content-Range"] == f"bytes 100-{len(content) - 1}/{len(content)}"
    other = exporter.get(address, headers=part | {"If-Range": '"another"'})
    assert (other.status_code, body_of(other)) == (200, content)
    beyond = exporter.get(address, headers={"Range": "bytes=10000000-"})
    assert (beyond.status_code, beyond["Content-Type"]) == (416, PROBLEM)
    assert beyond["Content-Range"] == f"bytes */{len(content)}"
    again = exporter.get(address, headers={"If-None-Match": whole["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = exporter.head(address)
    assert (head["Content-Length"], body_of(head)) == (str(len(content)), b"")


def test_file_that_a_dataset_has_not_is_named_beside_those_it_has(
    exporter: Program, run: SelectionRun
) -> None:
    dataset = export(run)
    english = {"Accept-Language": "en"}
    for name in ("kto.jsonl", "dpo.xlsx", "kto.xlsx"):
        answer = exporter.get(f"/api/v1/datasets/{dataset.pk}/{name}", headers=english)
        assert answer.status_code == 404
        assert answer.json()["detail"] == (
            f"Dataset {dataset.pk} has no file {name}; it has: dpo.jsonl, dpo.parquet, dpo.csv,"
            " dpo.zip, dpo.tar."
        )
    address = f"/api/v1/datasets/{dataset.pk}/dpo.jsonl"
    answer = exporter.get(address, {"split": "test"}, headers=english)
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
    assert "no rows to test on" in answer.json()["detail"]
    assert exporter.get(address, {"split": "dev"}).status_code == 422
    assert Program("researcher", "read").get(address).status_code == 403


def test_large_file_is_made_by_a_worker_and_asked_for_again(
    exporter: Program, run: SelectionRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = export_dataset(read_recipe({"sources": [{"run": run.slug}]}))
    monkeypatch.setattr(files, "MOST_AT_ONCE_BYTES", 10)
    address = f"/api/v1/datasets/{dataset.pk}/dpo.csv"
    for _time in range(2):
        answer = exporter.get(address)
        assert answer.status_code == 503, body_of(answer)
        assert answer["Retry-After"] == "10"
        assert "A worker is making this file" in answer.json()["detail"]
    export = Export.objects.get()
    assert answer["Location"] == f"/api/v1/exports/{export.pk}"
    run_export(export)
    assert body_of(exporter.get(address)).startswith(b"prompt,")


def test_dataset_whose_file_is_gone_says_so(
    exporter: Program, run: SelectionRun, home: Path
) -> None:
    dataset = export(run)
    (home / dataset.path).unlink()
    answer = exporter.get(f"/api/v1/datasets/{dataset.pk}/dpo.jsonl")
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
    assert exporter.read(f"/datasets/{dataset.pk}")["files"][0]["n_bytes"] is None


def test_votes_stream_at_a_cutoff_that_gives_the_same_bytes(
    exporter: Program, run: SelectionRun
) -> None:
    for form, column in (("votes", "outcome"), ("arena", "winner")):
        address = f"/api/v1/runs/{run.slug}/{form}.jsonl"
        answer = exporter.get(address)
        content = body_of(answer)
        rows = [json.loads(line) for line in content.splitlines()]
        assert (len(rows), column in rows[0]) == (20, True)
        cutoff = {"cutoff": answer["Kurabe-Cutoff"]}
        assert body_of(exporter.get(address, cutoff)) == content
        again = exporter.get(address, cutoff, headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 304
        assert body_of(exporter.get(address, {"cutoff": 0})) == b""
        assert exporter.get(address, {"cutoff": 10**12}).status_code == 422


def test_preference_sets_are_read_with_their_pairs(reader: Program) -> None:
    pairs = PreferenceSet.objects.create(slug="uf", licence="mit")
    texts = (("user", "茶?"), ("assistant", "はい"), ("assistant", "いいえ"))
    asked, good, bad = ([{"role": role, "content": text}] for role, text in texts)
    PreferencePair.objects.create(
        preference_set=pairs, key="1", prompt=asked, chosen=good, rejected=bad, language="ja",
        margin=2.5, prompt_sha256="0" * 64,
    )  # fmt: skip
    assert reader.read("/preference-sets")["items"][0]["licence"] == "mit"
    (pair,) = reader.read("/preference-sets/uf/pairs")["items"]
    assert (pair["chosen"], pair["margin"], pair["language"]) == (good, 2.5, "ja")
    assert reader.get("/api/v1/preference-sets/none/pairs").status_code == 404


def test_lineage_is_told_of_candidate_dataset_and_vote(reader: Program, run: SelectionRun) -> None:
    dataset = export(run)
    told = reader.read(f"/datasets/{dataset.pk}/lineage")
    assert told["dataset"]["sources"][0]["run"] == run.slug
    token = run.rounds.get().comparisons.first().token
    told = reader.read(f"/votes/{token}/lineage")
    assert [each["id"] for each in told["datasets"]] == [dataset.pk]
    candidate = run.candidates.first()
    told = reader.read(f"/candidates/{candidate.pk}/lineage")
    assert told["ancestors"]["candidates"][0]["name"] == candidate.name
    for address in ("/candidates/0", "/datasets/0", "/votes/00000000-0000-4000-8000-000000000000"):
        assert reader.get(f"/api/v1{address}/lineage").status_code == 404
    assert reader.get(f"/api/v1/votes/{token}/lineage?turn=3").status_code == 404


def test_libraries_read_a_dataset_from_a_running_server(
    tmp_path: Path, transactional_db: None, live_server: Any
) -> None:
    """By the script of docs/api.md, which nothing but the address, number and token is put into."""
    run = vote_on(*[{"language": "ja", "turns": [f"質問{number}"]} for number in range(20)])
    recipe = votes_of(run.slug, test_share=0.25)
    dataset = export_dataset(recipe)
    _token, secret = make_token(user=make.make_user("researcher"), name="x", scope="export")
    script = tmp_path / "read.py"
    script.write_text(READING.replace("/datasets/7/", f"/datasets/{dataset.pk}/"), "utf-8")
    known = {"API": f"{live_server.url}/api/v1", "TOKEN": secret, "HF_HOME": str(tmp_path / "hf")}
    finished = subprocess.run(
        [sys.executable, script], env=os.environ | known | {"HF_HUB_OFFLINE": "0"}, text=True,
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    n_test = dataset.counts["test_rows"]
    assert n_test > 0
    assert finished.stdout.split() == [str(dataset.n_pairs), str(n_test), str(dataset.n_pairs)]
