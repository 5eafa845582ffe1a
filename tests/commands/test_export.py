"""`export`: pairs and votes to files, and what was left out."""

import hashlib
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from annotate.models import PreferenceDataset
from tests.commands.conftest import Run

pytestmark = pytest.mark.django_db


def test_export_dpo_writes_pairs_and_says_what_it_left_out(
    voted_run: str, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "pairs.jsonl"
    said = run("export", voted_run, "--to", "dpo", "--out", out)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    dataset = PreferenceDataset.objects.get()
    assert said == (
        f"3 pairs in {out}; left out: 1 no decisive vote\ndataset {dataset.pk}, sha256 {digest}\n"
    )
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["chosen_candidate"] for row in rows} == {"x"}
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "x on p1"}]


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
    assert run("export", voted_run, "--to", "votes", "--out", out) == f"4 votes in {out}\n"
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
        (tmp_path / "pairs.csv", "--out {}: the name must end in .jsonl or .parquet"),
        (tmp_path / "none" / "x.jsonl", f"--out {{}}: there is no folder {tmp_path / 'none'}"),
        (folder, "{}: a folder; expected the name of a file"),
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
        (["--to", "kto", "--out", "x.jsonl"], "Error: argument --to: invalid choice: 'kto'"),
        (["--to", "dpo"], "Error: the following arguments are required: --out"),
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
