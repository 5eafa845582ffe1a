"""A DataFrame comes in as a file of its rows would."""

import contextlib
import io
import re
from typing import Any

import pandas as pd
import pytest

from annotate.formats import Faults, FileKind, FormatError
from annotate.models import Completion, PreferencePair, Prompt, SelectionRun, Vote
from annotate.services import errors
from annotate.services.importing import Counts, import_frame
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db

ASKED = [{"role": "user", "content": "質問？"}]
COMPLETIONS = pd.DataFrame(
    {"prompt": ["p1", "p1"], "turns": [["質問？"]] * 2, "candidate": ["x", "y"], "reply": "はい",
     "seed": [7, float("nan")]}
)  # fmt: skip
VOTES = pd.DataFrame(
    {"prompt": ["p1"], "candidate_a": ["x"], "candidate_b": ["y"], "outcome": ["a"],
     "annotator": ["ann"]}
)  # fmt: skip
BATTLES = pd.DataFrame(
    {
        "question_id": ["q1"],
        "model_a": ["x"],
        "model_b": ["y"],
        "winner": ["tie (bothbad)"],
        "judge": ["arena_user_1"],
        "conversation_a": [[*ASKED, {"role": "assistant", "content": "a"}]],
        "conversation_b": [[*ASKED, {"role": "assistant", "content": "b"}]],
        "language": ["Japanese"],
        "tstamp": [1_700_000_000.5],
        "turn": [1],
        "anony": [True],
    }
)
PAIRS = pd.DataFrame({"prompt": ["質問？"], "chosen": ["良い"], "rejected": ["悪い"]})


def test_documented_example_prints_what_it_says() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    ((program, printed),) = re.findall(
        r"^```python database\n(.*?)^```\n\n```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(program, {})  # what a reader would paste
    assert output.getvalue() == printed
    assert (Completion.objects.count(), Vote.objects.count()) == (2, 1)


def test_import_frame_brings_each_kind() -> None:
    prompts = pd.DataFrame({"key": ["p9"], "prompt": ["別の質問？"]})
    assert import_frame(prompts, kind="prompts", prompt_set="s") == Counts(new=1)
    counts: Any = import_frame(COMPLETIONS, kind="completions", run="r")
    assert (counts.prompts, counts.completions) == (Counts(new=1), Counts(new=2))
    assert list(Completion.objects.order_by("id").values_list("seed", flat=True)) == [7, None]
    assert import_frame(VOTES, kind="votes", run="r") == Counts(new=1)
    counts = import_frame(BATTLES, kind="battles", run="arena")
    assert (counts.completions, counts.votes) == (Counts(new=2), Counts(new=1))
    assert Vote.objects.get(comparison__candidate_a__run__slug="arena").outcome == "both_bad"
    assert import_frame(PAIRS, kind="preferences", preference_set="pairs") == Counts(new=1)
    assert import_frame(PAIRS, kind="preferences", preference_set="pairs") == Counts(equal=1)
    assert PreferencePair.objects.get().prompt == ASKED
    assert SelectionRun.objects.count() == 2


def test_import_frame_finds_prompts_in_the_set_that_is_named() -> None:
    import_frame(COMPLETIONS, kind="completions", run="r", prompt_set="shared")
    assert Prompt.objects.get().prompt_set.slug == "shared"


def test_import_frame_says_the_row_that_is_wrong_and_keeps_nothing() -> None:
    import_frame(COMPLETIONS, kind="completions", run="r")
    votes = pd.concat([VOTES, VOTES.assign(outcome="left", annotator="bob")])
    with pytest.raises(FormatError, match='DataFrame, row 2, outcome: "left" is not one of'):
        import_frame(votes, kind="votes", run="r")
    faults = Faults()
    with pytest.raises(errors.FaultsFound, match="1 fault, so nothing was kept: DataFrame, row 2"):
        import_frame(votes, kind="votes", run="r", faults=faults)
    assert [(fault.field, fault.value) for fault in faults.kept] == [("outcome", "left")]
    assert not Vote.objects.exists()
    changed = COMPLETIONS.assign(reply="いいえ")
    with pytest.raises(errors.ImportRefused, match="DataFrame, row 1, replies: "):
        import_frame(changed, kind="completions", run="r")


@pytest.mark.parametrize(
    ("kind", "frame", "message"),
    [
        ("prompts", COMPLETIONS, "prompts need the name of what they go into: prompt_set=..."),
        ("completions", COMPLETIONS, "completions need the name of what they go into: run=..."),
        ("preferences", PAIRS, "preferences need the name of what they go into:"
         " preference_set=..."),
    ],
)  # fmt: skip
def test_import_frame_asks_what_rows_go_into(
    kind: FileKind, frame: pd.DataFrame, message: str
) -> None:
    with pytest.raises(errors.ImportRefused) as refusal:
        import_frame(frame, kind=kind)
    assert str(refusal.value) == message


def test_import_frame_names_a_run_that_is_like_the_one_that_is_not_there() -> None:
    with pytest.raises(errors.ImportRefused, match="no run is called 'r1'; import completions"):
        import_frame(VOTES, kind="votes", run="r1")
    import_frame(COMPLETIONS, kind="completions", run="r")
    with pytest.raises(errors.ImportRefused, match="no run is called 'r1'; there is 'r'"):
        import_frame(VOTES, kind="votes", run="r1")
