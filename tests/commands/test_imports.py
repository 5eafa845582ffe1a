"""`import_prompts`, `import_completions` and `import_votes` on good files and on bad ones."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotate.models import (
    Completion,
    PreferenceSet,
    Prompt,
    PromptSet,
    SelectionRun,
    Vote,
)
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
        " named: jsonl, csv, parquet, shisa, mtbench"
    )
    assert refused("import_prompts", path, "--set", "s", "--format", "mtbench") == (
        f"{path}, line 1, question_id: missing; expected a whole number from 0 to {2**63 - 1}"
    )
    assert "invalid choice: 'llmfao'" in refused(
        "import_prompts", path, "--set", "s", "--format", "llmfao"
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
        f'{path}, line 1, prompt: "p1" is not a prompt of set r; import it first, or name the set'
        " that has it with --prompts"
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
        f'{path}, line 1, candidate_b: "Z" is not a candidate of run r; it has:'
        " 'w', 'x', 'y', 'z'"
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


ASKED = [{"role": "user", "content": "お茶とは？"}]


def answered(text: str) -> list[dict[str, str]]:
    return [*ASKED, {"role": "assistant", "content": text}]


def battle(a: str, b: str, winner: str, judge: str = "arena_user_1") -> dict[str, Any]:
    """Give a battle as LMArena logs it."""
    return {
        "question_id": f"{a}{b}", "model_a": a, "model_b": b, "winner": winner, "judge": judge,
        "turn": 1, "anony": True, "language": "Japanese", "tstamp": 1_700_000_000.25,
        "conversation_a": answered(f"{a}の返事"), "conversation_b": answered(f"{b}の返事"),
    }  # fmt: skip


def test_import_battles_counts_what_it_brought(run: Run, write: WriteRows) -> None:
    first = write("1.jsonl", battle("x", "y", "model_a"), battle("y", "z", "tie (bothbad)"))
    second = write("2.jsonl", battle("x", "z", "tie"))
    command = ("import_battles", first, second, "--run", "r", "--prompts", "arena")
    assert run(*command) == (
        "prompts in set arena: 3 new, 0 there already\n"
        "candidates of run r: 3 new, 0 there already\n"
        "completions of run r: 6 new, 0 there already\n"
        "votes of run r: 3 new, 0 there already\n"
    )
    assert run(*command) == (
        "prompts in set arena: 0 new, 3 there already\n"
        "candidates of run r: 0 new, 3 there already\n"
        "completions of run r: 0 new, 6 there already\n"
        "votes of run r: 0 new, 3 there already\n"
    )
    assert sorted(Vote.objects.values_list("outcome", flat=True)) == ["a", "both_bad", "tie"]


def test_import_preferences_counts_what_it_brought(run: Run, write: WriteRows) -> None:
    rows = [{"prompt": f"{n}とは？", "chosen": "良い", "rejected": "悪い"} for n in range(3)]
    command = ("import_preferences", write("p.jsonl", *rows), "--set", "pairs")
    about = ("--title", "対", "--licence", "CC-BY-4.0", "--origin", "https://example.org")
    assert run(*command, *about) == "pairs in preference set pairs: 3 new, 0 there already\n"
    assert run(*command) == "pairs in preference set pairs: 0 new, 3 there already\n"
    there = PreferenceSet.objects.get()
    assert (there.title, there.licence, there.origin) == (about[1], about[3], about[5])


def test_import_preferences_refuses_another_licence(
    run: Run, refused: Run, write: WriteRows
) -> None:
    path = write("p.jsonl", {"prompt": "1?", "chosen": "good", "rejected": "bad"})
    run("import_preferences", path, "--set", "pairs", "--licence", "MIT")
    said = refused("import_preferences", path, "--set", "pairs", "--licence", "CC0-1.0")
    assert said.startswith("licence: 'CC0-1.0' is not 'MIT', which preference set pairs has")


def test_dry_run_says_that_nothing_was_kept(run: Run, write: WriteRows) -> None:
    path = write("c.jsonl", completion(), completion(candidate="y"))
    assert run("import_completions", path, "--run", "r", "--dry-run") == (
        "prompts in set r: 1 new, 0 there already\n"
        "candidates of run r: 2 new, 0 there already\n"
        "completions of run r: 2 new, 0 there already\n"
        "nothing was kept: --dry-run\n"
    )
    assert not SelectionRun.objects.exists()
    assert not PromptSet.objects.exists()


def test_errors_file_has_every_wrong_row_and_nothing_is_kept(
    run: Run, write: WriteRows, tmp_path: Path
) -> None:
    """Rows that are wrong by themselves, in one file and between two, and in conflict."""
    run("import_completions", write("there.jsonl", completion()), "--run", "r")
    first = write(
        "1.jsonl",
        completion("p2", sample="one"),
        completion(reply="別の返事。"),
        "{oops",
        completion("p2"),
        completion("p3", candidate="y"),
    )
    second = write("2.jsonl", completion("p2"), {"prompt": "p9", "candidate": "x", "reply": "1"})
    told = tmp_path / "errors.jsonl"
    output = io.StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command(
            "import_completions", first, second, "--run", "r", "--errors", told, stdout=output
        )
    assert str(refusal.value) == f"nothing was kept: 5 faults, told in {told}"
    assert output.getvalue() == (
        "prompts in set r: 2 new, 1 there already\n"
        "candidates of run r: 1 new, 1 there already\n"
        "completions of run r: 2 new, 0 there already, 1 in conflict\n"
    )
    faults = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    found = [(Path(each["path"]).name, each["line"], each["field"]) for each in faults]
    assert sorted(found) == [
        ("1.jsonl", 1, "sample"),
        ("1.jsonl", 2, "replies"),
        ("1.jsonl", 3, ""),
        ("2.jsonl", 1, "sample"),
        ("2.jsonl", 2, "prompt"),
    ]
    (conflict,) = (each for each in faults if each["field"] == "replies")
    assert conflict == {
        "path": str(first), "line": 2, "field": "replies", "value": ["別の返事。"],
        "expected": "the text that sample 0 of 'x' on prompt 'p1' has; completions are never"
                    " changed",
        "message": f'{first}, line 2, replies: ["別の返事。"] is not the text that sample 0 of'
                   " 'x' on prompt 'p1' has; completions are never changed",
    }  # fmt: skip
    assert Completion.objects.count() == 1


def test_errors_file_of_a_good_import_is_empty(run: Run, write: WriteRows, tmp_path: Path) -> None:
    told = tmp_path / "errors.jsonl"
    path = write("p.jsonl", {"key": "p1", "prompt": "One?"})
    said = run("import_prompts", path, "--set", "s", "--errors", told)
    assert said == "prompts in set s: 1 new, 0 there already\n"
    assert told.read_text() == ""
    assert Prompt.objects.count() == 1


def test_errors_file_that_cannot_be_made_is_refused(
    refused: Run, write: WriteRows, tmp_path: Path
) -> None:
    path = write("p.jsonl", {"key": "p1", "prompt": "One?"})
    said = refused("import_prompts", path, "--set", "s", "--errors", tmp_path / "none" / "e.jsonl")
    assert "no file can be made" in said
    assert not PromptSet.objects.exists()


def test_import_says_what_it_left_out(run: Run, write: WriteRows) -> None:
    path = write("b.jsonl", battle("x", "y", "model_a"), battle("x", "y", "model_a"))
    said = run("import_battles", path, "--run", "r")
    assert said.splitlines()[-1] == "left out: 1 of the same vote again"
    assert Vote.objects.count() == 1


def test_import_shows_somebody_at_a_terminal_how_far_it_is(write: WriteRows) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    rows = [{"key": f"p{n}", "prompt": "One?"} for n in range(1_200)]
    output, errors = io.StringIO(), Terminal()
    path = write("p.jsonl", *rows)
    call_command("import_prompts", path, "--set", "s", stdout=output, stderr=errors)
    assert output.getvalue() == "prompts in set s: 1200 new, 0 there already\n"
    assert "rows of prompts" in errors.getvalue()
    assert "1200/1200" in errors.getvalue()
