"""Rows of each form have the columns that are said, and the library they are for takes them."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import parquet

from annotate.formats import FILE_ENDINGS, write_files
from annotate.models import Candidate
from annotate.services import errors
from annotate.services.exporting.forms import FORMS, Tagged
from tests.services.pair_rows import pair_row, ranked_row, said
from tests.tiny import make_tiny_tokenizer

PAIRS: list[Tagged] = [
    ("train", pair_row(prompt_id="p1")),
    ("train", pair_row("Fine.", "Bad.", prompt_id="p1")),
    (
        "train",
        pair_row(
            prompt_id="p2",
            n_turns=2,
            chosen=said("A1", "Q2", "A2"),
            rejected=said("B1", "Q2", "B2"),
        ),
    ),
    ("test", pair_row(prompt_id="p3", language="en")),
]
RANKED: list[Tagged] = [
    ("train", ranked_row("best", "middle", "worst")),
    ("test", ranked_row("A", "B", prompt_id="p2")),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    """Give a candidate of no run whose tokenizer is on this machine."""
    folder = tmp_path_factory.mktemp("base")
    make_tiny_tokenizer().save_pretrained(folder)
    return Candidate(name="base", model=str(folder), prompt_format="chat_template")


@cache  # a process that loads a tokenizer takes seconds
def made_of(form: str, model: str) -> list[Tagged]:
    base = Candidate(name="base", model=model, prompt_format="chat_template")
    given = RANKED if form == "ranking" else PAIRS
    return list(FORMS[form].rows(iter(given), base=base))


def rows_of(form: str, base: Candidate, rows: list[Tagged] | None = None) -> list[Tagged]:
    if rows is None:
        return made_of(form, base.model)
    return list(FORMS[form].rows(iter(rows), base=base))


def load(form: str, base: Candidate, folder: Path, split: str = "train") -> Any:
    """Write the rows of a split, and load them as a researcher does."""
    import datasets  # noqa: PLC0415  torch comes along

    path = folder / f"{form}.parquet"
    rows = [row for place, row in rows_of(form, base) if place == split]
    write_files([path], rows, schema=FORMS[form].schema())
    return datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(folder / "cache")
    )


def prepare(trainer: Any, config: Any, rows: Any, folder: Path, **more: Any) -> list[Any]:
    """Let one of TRL's trainers prepare rows, as it does when it begins."""
    tokenizer = make_tiny_tokenizer()
    settings = config(output_dir=str(folder), report_to=[], bf16=False, **more)
    stand_in = SimpleNamespace(
        _tokenizer=tokenizer, calculate_KL=False, desirable_weight=1, undesirable_weight=1
    )
    return list(trainer._prepare_dataset(stand_in, rows, tokenizer, settings, "train"))


@pytest.mark.parametrize("form", sorted(FORMS))
def test_rows_have_the_columns_of_the_schema_in_every_file(
    form: str, base: Candidate, tmp_path: Path
) -> None:
    rows = [row for _split, row in rows_of(form, base)]
    schema = FORMS[form].schema()
    assert [list(row) for row in rows] == [schema.names] * len(rows)
    paths = [tmp_path / f"x{ending}" for ending in FILE_ENDINGS]
    write_files(paths, rows, schema=schema)
    assert parquet.read_table(tmp_path / "x.parquet").to_pylist() == rows


@pytest.mark.parametrize("form", sorted(FORMS))
def test_rows_stay_in_the_file_of_their_prompt(form: str, base: Candidate) -> None:
    places = {(split, row["prompt_id"]) for split, row in rows_of(form, base)}
    given = RANKED if form == "ranking" else PAIRS
    assert places == {(split, row["prompt_id"]) for split, row in given}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_no_rows_give_no_rows(form: str, base: Candidate) -> None:
    assert list(FORMS[form].rows(iter(()), base=base)) == []


def test_dpo_rows_are_the_pairs_and_trl_takes_them(base: Candidate, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415  torch comes along

    assert rows_of("dpo", base) == PAIRS
    rows = load("dpo", base, tmp_path)
    prepared = prepare(DPOTrainer, DPOConfig, rows, tmp_path)
    decode = make_tiny_tokenizer().decode
    assert decode(prepared[0]["prompt_ids"]) == (
        "<|im_start|>user\n犬は?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert decode(prepared[0]["chosen_ids"]) == "Good.<|im_end|>\n"
    assert decode(prepared[2]["rejected_ids"]).startswith("B1<|im_end|>\n<|im_start|>user\nQ2")


def test_standard_rows_are_texts_and_trl_takes_them(base: Candidate, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415  torch comes along

    _split, row = rows_of("dpo-standard", base)[0]
    assert (row["prompt"], row["chosen"], row["rejected"]) == (
        "<|im_start|>user\n犬は?<|im_end|>\n<|im_start|>assistant\n",
        "Good.<|im_end|>",
        "Bad.<|im_end|>",
    )
    rows = load("dpo-standard", base, tmp_path)
    prepared = prepare(DPOTrainer, DPOConfig, rows, tmp_path)
    end = make_tiny_tokenizer().eos_token_id
    assert [row["chosen_ids"][-2:].count(end) for row in prepared] == [1, 1, 1]


def test_standard_rows_have_the_system_text_of_the_base(base: Candidate) -> None:
    own = Candidate(
        name="base", model=base.model, prompt_format="swallow", system_prompts={"ja": "丁寧に"}
    )
    (_one, first), *_others, (_two, last) = rows_of("dpo-standard", own, PAIRS)
    assert first["prompt"] == "<s>[INST] <<SYS>>\n丁寧に\n<</SYS>>\n\n犬は? [/INST]"
    assert last["prompt"] == "<s>[INST] 犬は? [/INST]"  # in English, for which it has none
    assert first["chosen"] == " Good.<|im_end|>"


def test_standard_rows_come_in_batches_that_need_no_end(base: Candidate) -> None:
    """More rows than go to the process at once, and a reader who stops early."""
    many: list[Tagged] = [("train", pair_row(f"Good {n}.")) for n in range(450)]
    rows = rows_of("dpo-standard", base, many)
    assert [row["chosen"] for _split, row in rows] == [f"Good {n}.<|im_end|>" for n in range(450)]
    stream = FORMS["dpo-standard"].rows(iter(many), base=base)
    assert next(stream)[1]["chosen"] == "Good 0.<|im_end|>"
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"model": ""},
            "Nobody said which model and prompt format candidate base has, so no text can be"
            " rendered for it; choose another.",
        ),
        (
            {"model": "/models/none"},
            "The pairs cannot be rendered for candidate base: there is no folder '/models/none', of"
            " which a tokenizer could be loaded",
        ),
    ],
)
def test_standard_rows_without_a_tokenizer_are_refused(fields: dict[str, str], reason: str) -> None:
    base = Candidate(**{"name": "base", "prompt_format": "chatml"} | fields)
    with pytest.raises(errors.ExportRefused) as refusal:
        rows_of("dpo-standard", base, PAIRS)
    assert str(refusal.value) == reason


def test_reward_rows_are_whole_conversations_and_trl_takes_them(
    base: Candidate, tmp_path: Path
) -> None:
    from trl import RewardConfig, RewardTrainer  # noqa: PLC0415  torch comes along

    _split, row = rows_of("reward", base)[0]
    assert row["chosen"] == said("犬は?", "Good.", first="user")
    assert row["rejected"] == said("犬は?", "Bad.", first="user")
    tokenizer = make_tiny_tokenizer()
    settings = RewardConfig(output_dir=str(tmp_path), report_to=[], bf16=False)
    prepared = list(
        RewardTrainer._prepare_dataset(
            SimpleNamespace(), load("reward", base, tmp_path), tokenizer, settings, "train"
        )
    )
    assert tokenizer.decode(prepared[0]["rejected_ids"]) == (
        "<|im_start|>user\n犬は?<|im_end|>\n<|im_start|>assistant\nBad.<|im_end|>\n"
    )


def test_kto_rows_are_single_replies_and_trl_takes_them(base: Candidate, tmp_path: Path) -> None:
    from trl import KTOConfig, KTOTrainer  # noqa: PLC0415  torch comes along

    rows = load("kto", base, tmp_path)
    prepared = prepare(KTOTrainer, KTOConfig, rows, tmp_path)
    assert [row["label"] for row in prepared] == [True, False, True, True, False]
    assert make_tiny_tokenizer().decode(prepared[1]["completion_ids"]) == "Bad.<|im_end|>\n"


def test_kto_has_each_reply_once_with_the_votes_of_all_its_pairs(base: Candidate) -> None:
    """Fine. won over Bad. and lost to Good.: 2 + 1 for it, 1 + 2 against, so it is left out."""
    pairs: list[Tagged] = [
        ("train", pair_row("Good.", "Fine.", annotator_kinds=["judge"])),
        ("train", pair_row("Fine.", "Bad.")),
        ("train", pair_row("Good.", "Bad.", votes_chosen=3, votes_tie=1, n_votes=5)),
    ]
    rows = [row for _split, row in rows_of("kto", base, pairs)]
    assert [
        (
            row["completion"][0]["content"], row["label"], row["votes_for"], row["votes_against"],
            row["n_votes"], row["candidate"], row["annotator_kinds"],
        )
        for row in rows
    ] == [
        ("Good.", True, 5, 2, 8, "model Good.", ["judge", "person"]),
        ("Bad.", False, 2, 5, 8, "model Bad.", ["person"]),
    ]  # fmt: skip


def test_kto_counts_a_verdict_without_a_majority_as_one_vote(base: Candidate) -> None:
    imported = pair_row(votes_chosen=0, votes_rejected=0, n_votes=0, annotator_kinds=[])
    against = pair_row("B", "A", votes_chosen=1, votes_rejected=3, n_votes=4, prompt_id="p2")
    rows = rows_of("kto", base, [("train", imported), ("train", against)])
    assert [(row["label"], row["votes_for"], row["votes_against"]) for _split, row in rows] == [
        (True, 1, 0), (False, 0, 1), (True, 1, 0), (False, 0, 1),
    ]  # fmt: skip


def test_kto_keeps_depths_prompts_and_sources_apart(base: Candidate) -> None:
    pairs: list[Tagged] = [
        ("train", pair_row("A", "B")),
        ("train", pair_row(chosen=said("B", "Q", "C"), rejected=said("A", "Q", "D"), n_turns=2)),
        ("train", pair_row("B", "A", prompt_id="p2")),
        ("train", pair_row("B", "A", prompt_id="p2", source="pairs:x")),
    ]
    labels = [
        (row["source"], row["prompt_id"], row["n_turns"], row["label"])
        for _split, row in rows_of("kto", base, pairs)
    ]
    assert len(labels) == 8
    assert [label for *_rest, label in labels] == [True, False] * 4


def test_ranking_rows_are_as_they_were_ranked(base: Candidate, tmp_path: Path) -> None:
    assert rows_of("ranking", base) == RANKED
    (row,) = load("ranking", base, tmp_path)
    assert row == RANKED[0][1]
