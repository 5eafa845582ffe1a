"""What a training reads is what the candidate was fed, and what cannot be trained on is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotate.models import PreferenceDataset, Prompt
from annotate.services import errors
from annotate.services.training_rows import PairsRead, check_pairs, write_pairs
from tests.services.trainings import export, make_base, vote_on
from training.data import Rendered, read_pairs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


def make_dataset(*prompts: dict[str, Any], **replies: Any) -> PreferenceDataset:
    return export(vote_on(*prompts, **replies))


def read_written(dataset: PreferenceDataset, home: Path, **base: Any) -> list[dict[str, Any]]:
    """Write the pairs of a training, let the trainer read them, and give them as they stand."""
    out = home / "pairs.jsonl"
    write_pairs(dataset=dataset, base=make_base(dataset.run, **base), out=out)
    read_pairs(out)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_named_format_is_written_as_text(home: Path) -> None:
    dataset = make_dataset({"system": "S"})
    (row,) = read_written(dataset, home)
    assert row["rendered"] == {
        "prompt": "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ0 [/INST]",
        "chosen": " Good 0. ",
        "rejected": " Bad 0. ",
        "begins_with_bos": True,
        "appends_eos": True,
    }
    assert (row["votes_chosen"], row["margin"], row["agreement"]) == (1, 1.0, 1.0)


def test_several_turns_go_on_in_the_reply(home: Path) -> None:
    dataset = make_dataset(
        {"turns": ["Q", "R"]}, good=lambda _: ["G1", "G2"], bad=lambda _: ["B1", "B2"]
    )
    (row,) = read_written(dataset, home, prompt_format="swallow")
    fed = Rendered(**row["rendered"])
    assert fed.prompt == "<s>[INST] Q [/INST]"
    assert fed.chosen == " G1</s>[INST] R [/INST] G2"
    assert fed.rejected == " B1</s>[INST] R [/INST] B2"


@pytest.mark.parametrize(
    ("prompt_format", "tokenizer", "begins_with_bos", "appends_eos"),
    [
        ("llama2", {}, True, True),
        ("swallow", {}, True, True),
        ("rinna", {"use_fast": False, "add_special_tokens": False}, False, True),
        ("chatml", {}, False, False),
        ("alpaca-ja", {}, False, True),
        ("alpaca-en", {"add_special_tokens": True}, True, True),
    ],
)
def test_special_tokens_are_those_that_engines_feed(
    prompt_format: str, tokenizer: Any, begins_with_bos: bool, appends_eos: bool, home: Path
) -> None:
    (row,) = read_written(make_dataset({}), home, prompt_format=prompt_format, tokenizer=tokenizer)
    fed = row["rendered"]
    assert (fed["begins_with_bos"], fed["appends_eos"]) == (begins_with_bos, appends_eos)


def test_system_text_is_the_prompts_own_or_the_bases_for_its_language(home: Path) -> None:
    dataset = make_dataset({}, {"language": "ja"}, {"language": "ja", "system": "own"})
    rows = read_written(
        dataset, home, prompt_format="chat_template", system_prompts={"ja": "日本語で"}
    )
    systems = [
        [each["content"] for each in row["prompt"] if each["role"] == "system"] for row in rows
    ]
    assert systems == [[], ["日本語で"], ["own"]]
    assert not any("rendered" in row for row in rows)


def test_pairs_are_counted_with_languages_and_writers() -> None:
    dataset = make_dataset({}, {"language": "ja"})
    assert check_pairs(dataset=dataset) == PairsRead(2, ("en", "ja"), frozenset({"good", "bad"}))


def test_prompt_that_is_held_out_by_now_is_refused() -> None:
    dataset = make_dataset({}, {})
    Prompt.objects.filter(key="p1").update(is_held_out=True)
    set_slug = dataset.run.prompt_sets.get().slug
    with pytest.raises(errors.TrainingRefused) as refusal:
        check_pairs(dataset=dataset)
    assert str(refusal.value) == (
        f"Pair 2 of dataset {dataset.pk} is on prompt {set_slug}/p1, which is held out now:"
        " export the run again."
    )


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_one_sided_dataset_is_refused(side: str) -> None:
    name = {"chosen": "good", "rejected": "bad"}[side]
    dataset = make_dataset({}, {}, {}, **{name: lambda _: ["I cannot help."]})
    with pytest.raises(errors.TrainingRefused, match=f"all of its 3 {side} replies are the same"):
        check_pairs(dataset=dataset)


def test_one_pair_is_not_one_sided() -> None:
    assert check_pairs(dataset=make_dataset({})).n_pairs == 1


def test_file_that_was_changed_or_is_gone_is_refused(home: Path) -> None:
    dataset = make_dataset({}, {})
    file = home / dataset.path
    file.write_bytes(file.read_bytes().replace(b"Good 1.", b"Best 1."))
    with pytest.raises(errors.TrainingRefused, match="is not the one that was exported"):
        check_pairs(dataset=dataset)
    file.unlink()
    with pytest.raises(errors.TrainingRefused, match="is gone: export the run again"):
        write_pairs(dataset=dataset, base=make_base(dataset.run), out=home / "pairs.jsonl")
    assert not (home / "pairs.jsonl").exists()


def test_equal_bytes_come_of_equal_votes(home: Path) -> None:
    dataset = make_dataset({}, {})
    base = make_base(dataset.run)
    for name in ("one.jsonl", "two.jsonl"):
        write_pairs(dataset=dataset, base=base, out=home / name)
    assert (home / "one.jsonl").read_bytes() == (home / "two.jsonl").read_bytes()
