"""`export`: pairs and votes to files, and what was left out."""

import csv
import hashlib
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from annotate.models import PreferenceDataset, Prompt, Vote
from tests import factories as make
from tests.commands.conftest import Run, WriteRows, vote

pytestmark = pytest.mark.django_db


FIGURES = """3 rows of form dpo; left out: 1 no decisive vote
languages: en 2, ja 1
votes: person 4
annotators: person 2
"""


def test_export_dpo_writes_pairs_and_says_what_it_left_out(
    voted_run: str, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "pairs.jsonl"
    said = run("export", voted_run, "--to", "dpo", "--out", out)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    dataset = PreferenceDataset.objects.get()
    assert said == f"{FIGURES}3 rows in {out}\ndataset {dataset.pk}, sha256 {digest}\n"
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["chosen_candidate"] for row in rows} == {"x"}
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "x on p1"}]


def test_export_dry_run_shows_rows_and_makes_nothing(voted_run: str, run: Run) -> None:
    said = run("export", voted_run, "--dry-run")
    assert said.startswith(FIGURES)
    rows = [json.loads(line) for line in said.removeprefix(FIGURES).splitlines()]
    assert [row["prompt_id"] for row in rows] == ["p1", "p1", "p2"]
    assert not PreferenceDataset.objects.exists()


def test_export_dry_run_cuts_long_texts(run: Run, write: WriteRows) -> None:
    texts = {"x": "あ" * 500, "y": "short"}
    rows = [{"prompt": "p1", "candidate": name, "reply": text, "turns": ["?"]}
            for name, text in texts.items()]  # fmt: skip
    run("import_completions", write("completions.jsonl", *rows), "--run", "r")
    run("import_votes", write("votes.jsonl", vote("x", "y", "a", "ann")), "--run", "r")
    row = json.loads(run("export", "r", "--dry-run").splitlines()[-1])
    assert row["chosen"] == [{"role": "assistant", "content": "あ" * 120 + "…"}]
    assert row["rejected"] == [{"role": "assistant", "content": "short"}]


def test_export_writes_rows_to_test_on_beside_the_others(
    voted_run: str, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "pairs.csv"
    said = run("export", voted_run, "--out", out, "--test-share", "0.5", "--seed", "1")
    trained, tested = (
        {row["prompt_id"] for row in csv.DictReader(path.read_text("utf-8").splitlines())}
        for path in (out, tmp_path / "pairs.test.csv")
    )
    assert (trained | tested, trained & tested) == ({"p1", "p2"}, set())
    assert trained
    assert tested
    assert f"{len(tested)} rows in {tmp_path / 'pairs.test.csv'}\n" in said


def test_export_to_a_folder_gives_card_and_parquet(
    voted_run: str, run: Run, tmp_path: Path
) -> None:
    run("export", voted_run, "--out", tmp_path / "mine")
    assert parquet.read_table(tmp_path / "mine" / "data" / "train.parquet").num_rows == 3
    assert (tmp_path / "mine" / "README.md").is_file()


def test_export_takes_a_recipe_from_a_file(voted_run: str, run: Run, tmp_path: Path) -> None:
    """Options go before what the file says; a stored recipe makes the same bytes again."""
    run("export", voted_run, "--out", tmp_path / "1.jsonl", "--min-votes", "1", "--margin", "1")
    (dataset,) = PreferenceDataset.objects.all()
    (tmp_path / "recipe.json").write_text(json.dumps(dataset.filters))
    run("export", voted_run, "--out", tmp_path / "2.jsonl", "--recipe", tmp_path / "recipe.json")
    assert (tmp_path / "2.jsonl").read_bytes() == (tmp_path / "1.jsonl").read_bytes()
    run("export", voted_run, "--out", tmp_path / "3.jsonl", "--to", "reward",
        "--recipe", tmp_path / "recipe.json")  # fmt: skip
    newest = PreferenceDataset.objects.first()
    assert newest is not None
    assert newest.filters == dataset.filters | {"form": "reward"}


def test_export_lists_prompts_to_ask_anew(voted_run: str, run: Run, tmp_path: Path) -> None:
    comparison = Vote.objects.order_by("id").last().comparison
    for _vote in range(4):
        again = make.make_comparison(
            comparison.completion_a, comparison.completion_b, round_=comparison.round,
            annotator=make.make_annotator(),
        )  # fmt: skip
        make.make_vote(again, "both_bad")
    out = tmp_path / "again.jsonl"
    assert run("export", voted_run, "--both-bad", out) == f"1 prompts to be asked anew in {out}\n"
    said = run("import_prompts", out, "--set", "anew")
    (prompt,) = Prompt.objects.filter(prompt_set__slug="anew")
    assert (prompt.key, prompt.turns) == (comparison.prompt.key, comparison.prompt.turns), said


def test_export_dpo_to_parquet_has_the_rows_of_jsonl(
    voted_run: str, run: Run, tmp_path: Path
) -> None:
    for name in ("pairs.jsonl", "pairs.parquet"):
        run("export", voted_run, "--to", "dpo", "--out", tmp_path / name)
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines()
    table = parquet.read_table(tmp_path / "pairs.parquet")
    assert table.to_pylist() == [json.loads(line) for line in lines]


def test_export_votes_writes_them_all(voted_run: str, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "votes.jsonl"
    said = run("export", voted_run, "--to", "votes", "--out", out)
    assert said.startswith("4 rows of form votes\n")
    assert f"4 rows in {out}\n" in said
    outcomes = [json.loads(line)["outcome"] for line in out.read_text().splitlines()]
    assert outcomes == ["a", "a", "a", "tie"]


def test_export_takes_the_rule_from_its_options(voted_run: str, refused: Run) -> None:
    words = ("export", voted_run, "--to", "dpo", "--out", "pairs.jsonl")
    assert refused(*words, "--min-votes", "2", "--margin", "2") == (
        "run r gives no pairs: 1 no decisive vote, 3 too few votes; a pair needs 2 or more decisive"
        " votes and a lead of 2"
    )
    assert not Path("pairs.jsonl").exists()


@pytest.mark.parametrize("to", ["dpo", "votes"])
def test_export_refuses_a_file_that_it_cannot_write(
    to: str, voted_run: str, refused: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    for out, message in [
        (
            tmp_path / "pairs.txt",
            "--out {}: a file's name must end in one of .jsonl, .parquet, .csv, .zip, .tar",
        ),
        (tmp_path / "none" / "x.jsonl", f"--out {{}}: there is no folder {tmp_path / 'none'}"),
        (folder, "--out {}: a folder; expected the name of a file"),
        (tmp_path, "--out {}: it is there already; name a new folder"),
    ]:
        said = refused("export", voted_run, "--to", to, "--out", out)
        assert said == message.format(out)
    assert list(folder.iterdir()) == []


def test_export_leaves_a_file_as_it_was_where_it_refuses(
    voted_run: str, run: Run, refused: Run, tmp_path: Path
) -> None:
    out = tmp_path / "pairs.jsonl"
    run("export", voted_run, "--to", "dpo", "--out", out)
    before = out.read_bytes()
    refused("export", voted_run, "--to", "dpo", "--out", out, "--min-votes", "9")
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "rlhf", "--out", "x.jsonl"], "Error: argument --to: invalid choice: 'rlhf'"),
        (["--to", "dpo"], "give --out FILE or FOLDER, --push-to-hub, or --dry-run"),
        (["--dry-run", "--source", "none:judges"], "sources.1.run: No run is called none"),
        (["--dry-run", "--source", "r:dogs"], "Error: argument --source: 'r:dogs': voters are one"),
        (["--dry-run", "--set", "none:x"], "Error: argument --set: 'none:x': the weight must be a"),
        (["--dry-run", "--set", "none"], "sources.1.preference_set: No preference set is called"),
        (["--dry-run", "--test-share", "1"], "test_share: 1.0 is too large: less than"),
        (["--dry-run", "--recipe", "none.json"], "--recipe none.json: [Errno 2] No such file"),
        (["--to", "dpo", "--out", "x.jsonl", "--margin", "0"],
         "Error: argument --margin: '0' is not a whole number of at least 1"),
        (["--to", "dpo", "--out", "x.jsonl", "--min-votes", "1.5"],
         "Error: argument --min-votes: '1.5' is not a whole number of at least 1"),
    ],
)  # fmt: skip
def test_export_refuses_options_that_make_no_sense(
    words: list[str], message: str, voted_run: str, refused: Run
) -> None:
    assert refused("export", voted_run, *words).startswith(message)


def test_export_refuses_an_unknown_run(refused: Run) -> None:
    said = refused("export", "none", "--to", "votes", "--out", "x.jsonl")
    assert said == "no run is called 'none'; import_completions makes one"
