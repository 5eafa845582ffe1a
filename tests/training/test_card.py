import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from training.card import Lineage, make_card, read_lineage, write_card
from training.config import ConfigError, DpoRun

PATHS = {"pairs": "pairs.jsonl", "metrics": "m.jsonl"}
RECORD: dict[str, Any] = {
    "pairs_sha256": "ab" * 32,
    "forecast": {"pairs": 1200, "dropped_pairs": 3, "label_smoothing": 0.125},
    "versions": {"torch": "2.13.0", "trl": "1.16.0"},
    "final": {"step": 40, "total_steps": 40, "reward_accuracy": 0.71875},
}
HOSTILE = [
    "a: b",
    'say "yes"',
    "it's",
    "two\nlines\n---\nlicense: mit",
    "比べ・東京",
    "- [x](http://example.org)",
    "#no comment",
    "{a: b}",
    "null",
    "\\n\t\x07\u2028😀",
    "<script>",
    "a | b",
]


def make_run(model: str = "org/base-8b", **fields: Any) -> DpoRun:
    return DpoRun(model=model, output_dir="out/child", **PATHS, **fields)


def read_header(card: str) -> dict[str, Any]:
    _, header, _ = card.split("---\n", 2)
    parsed: dict[str, Any] = yaml.safe_load(header)
    return parsed


def test_card_names_parent_data_votes_and_settings() -> None:
    lineage = Lineage(
        name="child-1",
        parent="base",
        licences=["Apache-2.0", "CC-BY-NC-SA-4.0"],
        languages=["ja", "en"],
        run="spring",
        dataset="spring-400",
        dataset_sha256="cd" * 32,
        votes={"person": 1500, "judge": 20},
    )
    card = make_card(make_run(learning_rate=2e-7, neftune_alpha=5.0), RECORD, lineage)
    assert read_header(card) == {
        "base_model": "org/base-8b",
        "base_model_relation": "finetune",
        "license": "cc-by-nc-sa-4.0",
        "language": ["ja", "en"],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["dpo", "trl", "kurabe"],
    }
    for line in (
        "# child-1",
        "base, trained on 1,200 preference pairs with DPO (Rafailov 2023) by TRL and Kurabe.",
        "- Run: spring",
        "- Dataset: spring-400",
        f"- SHA-256 of the dataset: {'cd' * 32}",
        "- Votes: 20 by judge, 1,500 by person",
        "- Pairs left out: 3",
        "- Share of wrong labels taken: 0.125",
        "- Licences of what went in: Apache-2.0, CC-BY-NC-SA-4.0",
        "| learning_rate | 2e-07 |",
        "| neftune_alpha | 5 |",
        "| reward_accuracy | 0.71875 |",
        "| torch | 2.13.0 |",
    ):
        assert line in card.splitlines()


def test_card_of_a_run_that_nobody_described_leaves_out_what_it_does_not_know() -> None:
    card = make_card(make_run("/models/base"), RECORD, Lineage())
    assert read_header(card) == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["dpo", "trl", "kurabe"],
    }
    assert "# child\n" in card
    assert f"- SHA-256 of the dataset: {'ab' * 32}\n" in card
    assert "None" not in card


def test_card_says_that_a_run_was_ended_early() -> None:
    early = RECORD | {"final": {"step": 7, "total_steps": 40}}
    assert "It was ended early, at step 7 of 40." in make_card(make_run(), early, Lineage())
    assert "ended early" not in make_card(make_run(), RECORD, Lineage())


@pytest.mark.parametrize("merge", [True, False])
def test_card_of_an_adapter_says_whether_it_stands_alone(merge: bool) -> None:
    header = read_header(make_card(make_run(lora_rank=8, merge_adapter=merge), RECORD, Lineage()))
    assert header["tags"] == ["dpo", "trl", "kurabe", "lora"]
    kinds = ("finetune", "transformers") if merge else ("adapter", "peft")
    assert (header["base_model_relation"], header["library_name"]) == kinds


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["MIT", "Apache-2.0"], {"license": "mit"}),
        (["Apache-2.0", "CC-BY-NC-SA-4.0", "MIT"], {"license": "cc-by-nc-sa-4.0"}),
        (["Llama 3.1", "Llama 3.1"], {"license": "llama3.1"}),
        (
            ["Llama 3.1", "CC-BY-SA-4.0"],
            {"license": "other", "license_name": "llama3.1-and-cc-by-sa-4.0"},
        ),
        (["our own"], {"license": "other", "license_name": "ourown"}),
        ([], {}),
    ],
)
def test_card_inherits_the_licence_that_binds(
    licences: list[str], expected: dict[str, str]
) -> None:
    header = read_header(make_card(make_run(), RECORD, Lineage(licences=licences)))
    assert {name: header[name] for name in header if name.startswith("license")} == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_card_bears_any_name(text: str, tmp_path: Path) -> None:
    """The header reads back what was meant, and the body shows the name as it is written."""
    lineage = Lineage(
        name=text, parent=text, licences=[text], run=text, dataset=text, votes={text: 1}
    )
    run = DpoRun(model=text, output_dir=str(tmp_path), **PATHS, revision=text)
    write_card(run, RECORD, lineage)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    header = read_header(card)
    assert header["license_name"] == "".join(text.lower().split())
    assert set(header) == {"license", "license_name", "library_name", "pipeline_tag", "tags"}
    shown = " ".join(text.split())
    texts = read_texts(card.split("---\n", 2)[2])
    assert texts[0] == shown
    for fact in (f"Parent: {shown}", f"Dataset: {shown}", f"Model: {shown} at {shown}",
                 f"Votes: 1 by {shown}"):  # fmt: skip
        assert fact in texts


def read_texts(markdown: str) -> list[str]:
    """Return each heading, line and cell as a reader sees it; markup would be missing from it."""
    tokens = MarkdownIt().enable("table").parse(markdown)
    return [
        "".join(child.content for child in token.children or [] if child.type == "text")
        for token in tokens
        if token.type == "inline"
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "cannot be read: Expecting property name"),
        ("[]", "is a JSON list, no object"),
        ('{"name": 3}', "name is 3; expected a string"),
        ('{"licences": "MIT"}', "licences is 'MIT'; expected a list of strings"),
        ('{"votes": {"person": true}}', "expected an object of numbers by kind of annotator"),
    ],
)
def test_lineage_that_is_not_right_is_refused(written: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "lineage.json"
    path.write_text(written)
    with pytest.raises(ConfigError, match="field 'lineage'") as error:
        read_lineage(str(path))
    assert said in str(error.value)


def test_lineage_keys_are_all_optional(tmp_path: Path) -> None:
    path = tmp_path / "lineage.json"
    path.write_text(json.dumps({"parent": "base", "votes": None, "note": "not for the card"}))
    assert read_lineage(str(path)) == Lineage(parent="base")
    assert read_lineage(None) == Lineage()
