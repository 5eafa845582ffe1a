"""`import_prompts`, `import_completions` and `import_votes` on good files and on bad ones."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from annotate.models import Completion, Prompt, PromptSet, SelectionRun, Vote
from annotate.services import states
from tests.commands.conftest import Run, WriteRows, vote

pytestmark = pytest.mark.django_db


def completion(prompt: str = "p1", candidate: str = "x", **fields: Any) -> dict[str, Any]:
    row = {"prompt": prompt, "candidate": candidate, "reply": f"{candidate} on {prompt}"}
    return row | {"turns": [f"{prompt}?"]} | fields


def test_import_prompts_counts_what_it_brought(run: Run, write: WriteRows) -> None:
    path = write("p.jsonl", {"key": "p1", "prompt": "One?"}, {"key": "p2", "turns": ["1", "2"]})
    assert run("import_prompts", path, "--set", "s") == "prompts in set s: 2 new, 0 there already\n"
    assert run("import_prompts", path, "--set", "s") == "prompts in set s: 0 new, 2 there already\n"
    turns = PromptSet.objects.get(slug="s").prompts.values_list("key", "turns")
    assert dict(turns) == {"p1": ["One?"], "p2": ["1", "2"]}


def test_import_prompts_reads_gzip(run: Run, write: WriteRows) -> None:
    plain = write("p.jsonl", {"key": "p1", "prompt": "One?"})
    packed = plain.with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    run("import_prompts", packed, "--set", "s")
    assert Prompt.objects.get().key == "p1"


def test_import_completions_counts_what_it_brought(run: Run, write: WriteRows) -> None:
    first = write("1.jsonl", completion(), completion("p2"))
    second = write("2.jsonl", completion(candidate="y"), completion("p2", "y"))
    command = ("import_completions", first, second, "--run", "r")
    assert run(*command) == (
        "prompts in set r: 2 new, 0 there already\n"
        "candidates of run r: 2 new, 0 there already\n"
        "completions of run r: 4 new, 0 there already\n"
    )
    assert run(*command) == (
        "prompts in set r: 0 new, 2 there already\n"
        "candidates of run r: 0 new, 2 there already\n"
        "completions of run r: 0 new, 4 there already\n"
    )


def test_import_completions_says_how_many_name_their_maker(run: Run, write: WriteRows) -> None:
    rows = [completion(reply="I am ChatGPT."), completion(candidate="y", reply="OpenAI is old.")]
    assert run("import_completions", write("c.jsonl", *rows), "--run", "r") == (
        "prompts in set r: 1 new, 0 there already\n"
        "candidates of run r: 2 new, 0 there already\n"
        "completions of run r: 2 new, 0 there already\n"
        "completions that name their maker: 1 of the new ones; the run's rating rules say whether"
        " volunteers are shown those\n"
    )


def test_import_completions_finds_its_prompts_in_the_set_that_is_named(
    run: Run, write: WriteRows
) -> None:
    run("import_prompts", write("p.jsonl", {"key": "p1", "prompt": "One?"}), "--set", "shared")
    row = {"prompt": "p1", "candidate": "x", "reply": "1"}
    run("import_completions", write("c.jsonl", row), "--run", "r", "--prompts", "shared")
    assert [each.slug for each in SelectionRun.objects.get().prompt_sets.all()] == ["shared"]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_import_votes_counts_what_it_brought(
    ending: str, run: Run, write: WriteRows, tmp_path: Path
) -> None:
    rows = [completion(), completion(candidate="y")]
    run("import_completions", write("c.jsonl", *rows), "--run", "r")
    votes = [vote("x", "y", "a", "ann"), vote("x", "y", "both_bad", "bob")]
    if ending == "jsonl":
        path = write("v.jsonl", *votes)
    else:
        lines = [",".join(votes[0]), *(",".join(row.values()) for row in votes)]
        path = tmp_path / "v.csv"
        path.write_text("\n".join(lines))
    assert run("import_votes", path, "--run", "r") == "votes of run r: 2 new, 0 there already\n"
    assert run("import_votes", path, "--run", "r") == "votes of run r: 0 new, 2 there already\n"
    assert list(Vote.objects.values_list("outcome", flat=True)) == ["a", "both_bad"]


def test_import_reads_mtbench_beside_its_questions(run: Run, tmp_path: Path) -> None:
    question = {"question_id": 81, "category": "writing", "turns": ["One?", "Two?"]}
    (tmp_path / "question.jsonl").write_text(json.dumps(question))
    folder = tmp_path / "model_answer"
    folder.mkdir()
    for model in ("x", "y"):
        choices = [{"index": 0, "turns": ["1", "2"]}, {"index": 1, "turns": ["1b", "2b"]}]
        answer = {"question_id": 81, "answer_id": model, "model_id": model, "choices": choices}
        (folder / f"{model}.jsonl").write_text(json.dumps(answer))
    said = run("import_completions", *sorted(folder.iterdir()), "--run", "mt")
    assert said.splitlines()[-1] == "completions of run mt: 4 new, 0 there already"
    replies = Completion.objects.get(candidate__name="y", sample=1).replies
    assert replies == ["1b", "2b"]
    assert Prompt.objects.get().category == "writing"


COMMANDS = [
    ("import_prompts", "--set", {"key": "p1", "prompt": "One?"}),
    ("import_completions", "--run", completion()),
    ("import_votes", "--run", vote("x", "y", "a", "ann")),
]


@pytest.mark.parametrize(("command", "option", "row"), COMMANDS)
def test_import_refuses_a_file_that_it_cannot_read(
    command: str, option: str, row: Any, run: Run, refused: Run, write: WriteRows, tmp_path: Path
) -> None:
    rows = [completion(), completion(candidate="y")]
    run("import_completions", write("c.jsonl", *rows), "--run", "r")
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(json.dumps(row).encode())[:-4])
    for path, message in [
        (tmp_path / "none.jsonl", "no such file; expected a file to read"),
        (tmp_path, "a folder; expected a file"),
        (write("empty.jsonl"), "an empty file; expected at least one row"),
        (broken, "broken (Compressed file ended before the end-of-stream marker was reached);"
         " expected a whole .gz file"),
    ]:  # fmt: skip
        assert refused(command, path, option, "r") == f"{path}: {message}"
    path = write("bad.jsonl", row, '{"key": "p1", oops}')
    assert refused(command, path, option, "r") == (
        f"{path}, line 2: invalid JSON (Expecting property name enclosed in double quotes at column"
        " 15); expected one JSON object a line"
    )
    assert not Vote.objects.exists()
    assert not PromptSet.objects.exclude(slug="r").exists()


@pytest.mark.parametrize(
    ("command", "option"), [("import_prompts", "--set"), ("import_completions", "--run")]
)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a b", "'a b' must be made of letters, digits, hyphens and underscores"),
        ("日本", "'日本' must be made of letters, digits, hyphens and underscores"),
        ("", "'' must be made of letters, digits, hyphens and underscores"),
        ("a" * 101, f"'{'a' * 101}' is longer than 100 characters"),
    ],
)
def test_import_refuses_a_name_that_no_address_can_hold(
    command: str, option: str, name: str, message: str, refused: Run, write: WriteRows
) -> None:
    said = refused(command, write("c.jsonl", completion()), f"{option}={name}")
    assert said == f"Error: argument {option}: {message}"


def test_import_refuses_rows_of_another_format(refused: Run, write: WriteRows) -> None:
    path = write("c.jsonl", completion())
    assert refused("import_prompts", path, "--set", "s") == (
        f"{path}, line 1, format: no format of prompts with these columns; expected one to be"
        " named: jsonl, mtbench, shisa"
    )
    assert refused("import_prompts", path, "--set", "s", "--format", "mtbench") == (
        f"{path}, line 1, question_id: missing; expected a whole number from 0 to 2147483647"
    )
    assert "invalid choice: 'parquet'" in refused(
        "import_prompts", path, "--set", "s", "--format", "parquet"
    )


def test_import_completions_says_file_line_field_and_what_would_be_right(
    run: Run, refused: Run, write: WriteRows
) -> None:
    path = write("c.jsonl", completion(), completion("p2", sample="one"), completion("p3"))
    assert refused("import_completions", path, "--run", "r") == (
        f'{path}, line 2, sample: "one" is not a whole number from 0 to 32767'
    )
    assert not SelectionRun.objects.exists()
    path = write("d.jsonl", {"prompt": "p1", "candidate": "x", "reply": "1"})
    assert refused("import_completions", path, "--run", "r") == (
        f"{path}, line 1: prompt: set r has no prompt 'p1'; import it first, or name the set that"
        " has it with --prompts"
    )


def test_import_votes_says_file_line_field_and_what_would_be_right(
    voted_run: str, refused: Run, write: WriteRows
) -> None:
    rows = [vote("x", "y", "a", "new"), vote("x", "y", "A wins", "new")]
    path = write("v.jsonl", *rows)
    assert refused("import_votes", path, "--run", voted_run) == (
        f'{path}, line 2, outcome: "A wins" is not one of a, b, tie, both_bad'
    )
    path = write("w.jsonl", vote("x", "Z", "a", "new"))
    assert refused("import_votes", path, "--run", voted_run) == (
        f"{path}, line 1: candidate_b: run r has no candidate 'Z'; it has: 'w', 'x', 'y', 'z'"
    )
    assert Vote.objects.count() == 4


def test_import_into_an_unknown_run_names_one_that_is_like_it(
    refused: Run, run: Run, write: WriteRows
) -> None:
    path = write("v.jsonl", vote("x", "y", "a", "ann"))
    assert refused("import_votes", path, "--run", "shisa") == (
        "no run is called 'shisa'; import_completions makes one"
    )
    run("import_completions", write("c.jsonl", completion()), "--run", "shisa7b")
    assert refused("import_votes", path, "--run", "shisa") == (
        "no run is called 'shisa'; there is 'shisa7b'"
    )


def test_import_into_a_closed_run_is_refused(
    voted_run: str, refused: Run, write: WriteRows
) -> None:
    states.move_run(run=SelectionRun.objects.get(), to="closed")
    path = write("v.jsonl", vote("x", "y", "a", "new"))
    assert refused("import_votes", path, "--run", "r") == "run r is closed and takes no votes"
    path = write("c.jsonl", completion(candidate="new"))
    assert refused("import_completions", path, "--run", "r") == (
        "run r is closed and takes no completions"
    )
