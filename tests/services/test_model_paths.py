"""Models come from a hub, or from under the roots that the operator named, and nowhere else."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from annotate.services import errors, model_paths
from annotate.services.generating import generate_shard
from annotate.services.judges import find_template, make_judge
from annotate.services.launching import read_plan
from annotate.services.model_paths import check_model, check_models, may_load
from annotate.services.previewing import preview_prompt
from annotate.services.training import refuse_unfit
from tests import factories as make
from tests.views.pages import make_dataset

# Under a folder that no root holds: the system's own, and the checkout's parent.
OUTSIDE = ["/etc", "/", "../secrets", "./annotate", "/models/../etc", "models/../../etc"]


@pytest.fixture
def models(tmp_path: Path, settings: Any) -> Path:
    """Give a root with a model in it, the only one beside the site's own home."""
    root = tmp_path / "models"
    (root / "tiny").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    settings.MODEL_ROOTS, settings.KURABE_HOME = [str(root)], tmp_path / "home"
    return root


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen2.5-0.5B-Instruct", "augmxnt/shisa-7b-v1"])
def test_id_on_a_hub_is_taken(name: str, models: Path) -> None:
    check_model(name)


def test_folder_under_a_root_is_taken_whether_it_is_here_or_not(models: Path) -> None:
    check_model(str(models / "tiny"))
    check_model(str(models / "on another machine"))
    check_model(str(models / "tiny" / ".." / "tiny"))
    check_model(f"{models.parent}/home/training/3/checkpoint")


@pytest.mark.parametrize(
    "name", [*OUTSIDE, "a/b/c", "..", ".", "a..b/c", "org/../../etc", "a" * 400]
)
def test_folder_elsewhere_is_refused_with_the_roots(name: str, models: Path) -> None:
    with pytest.raises(errors.ModelRefused, match="no folder from which models may") as refusal:
        check_model(name)
    assert str(models) in str(refusal.value)
    assert "MODEL_ROOTS" in str(refusal.value)


def test_link_that_leads_out_is_refused_and_one_that_stays_is_taken(models: Path) -> None:
    (models / "out").symlink_to("/etc")
    (models / "in").symlink_to(models / "tiny")
    (models / "chain").symlink_to(models / "out")
    check_model(str(models / "in"))
    for name in ("out", "chain", "out/ssl", "in/../out"):
        with pytest.raises(errors.ModelRefused, match="no folder from which"):
            check_model(str(models / name))


def test_path_that_no_system_follows_is_no_fault(models: Path) -> None:
    (models / "round").symlink_to(models / "round")
    assert not may_load("/" + "x" * 300)
    may_load(str(models / "round" / "x"))  # either way, but in words


def test_root_that_is_a_link_is_followed_too(tmp_path: Path, models: Path, settings: Any) -> None:
    (tmp_path / "link").symlink_to(models)
    settings.MODEL_ROOTS = [str(tmp_path / "link")]
    check_model(str(models / "tiny"))
    check_model(str(tmp_path / "link" / "tiny"))


def test_folder_that_is_called_like_an_id_is_no_id(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries would load it, and not what the hub has."""
    monkeypatch.chdir(tmp_path)
    check_model("org/name")
    (tmp_path / "org" / "name").mkdir(parents=True)
    with pytest.raises(errors.ModelRefused, match="no folder from which"):
        check_model("org/name")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\0b", "a\\u0000b"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200b", "a\\u200b"),
        ("a\n", "\\u000a"),
    ],
)
def test_signs_that_cannot_be_seen_are_refused_and_shown(
    name: str, shown: str, models: Path
) -> None:
    for text in (name, f"{models}/{name}"):
        with pytest.raises(errors.ModelRefused, match="cannot be seen") as refusal:
            check_model(text)
        assert shown in str(refusal.value)
        assert str(refusal.value).isprintable()


def test_home_of_an_account_is_refused_and_not_looked_up(models: Path) -> None:
    for name in ("~", "~/models", "~root/x"):
        with pytest.raises(errors.ModelRefused, match="begins with ~"):
            check_model(name)


PARTS = some.sampled_from(
    ["..", ".", "/", "tiny", "models", "~", "\0", "．．", "／", "\\", "%2e%2e", "a", "file:", "é"]
)


@given(some.lists(PARTS, max_size=8), some.booleans())
@example(["..", "..", "etc"], True)
def test_whatever_is_taken_lies_under_a_root_or_is_an_id(parts: list[str], is_under: bool) -> None:
    root = str(model_paths.roots()[-1])
    name = "/".join([root, *parts]) if is_under else "/".join(parts)
    if not may_load(name):
        return
    reached = os.path.realpath(name)
    is_inside = any(
        reached == str(each) or reached.startswith(f"{each}/") for each in model_paths.roots()
    )
    is_id = name.count("/") <= 1 and ".." not in name and name.isascii() and name[:1].isalnum()
    assert is_inside or is_id


def test_server_names_its_models_itself_and_its_tokenizer_is_ours(models: Path) -> None:
    check_models(engine="openai", model="/anything", engine_options={})
    with pytest.raises(errors.ModelRefused):
        check_models(engine="openai", model="m", engine_options={"tokenizer": "/etc"})
    with pytest.raises(errors.ModelRefused):
        check_models(engine="vllm", model="/etc", engine_options={})


@pytest.mark.django_db
def test_every_way_to_a_model_is_refused(models: Path) -> None:
    """Plan, judge, preview, completions and training: by form, command and API alike."""
    round_ = make.make_open_round()
    run = round_.run
    plan = {"slug": "x", "prompts": {"sets": [run.prompt_sets.get().slug]},
            "models": [{"model": "/etc", "engine": "vllm"}],
            "grid": {"temperature": [0, 1]}}  # fmt: skip
    with pytest.raises(errors.PlanRefused) as refusal:
        read_plan(plan)
    (fault,) = refusal.value.faults
    assert fault.path == "models.0.model"
    with pytest.raises(errors.JudgeRefused, match="no folder from which"):
        make_judge(slug="j", model="/etc", engine="vllm", prompt_format="chat_template",
                   template=find_template("pair"))  # fmt: skip
    base = make.make_candidate(
        run, name="b", engine="transformers", model="/etc", prompt_format="chat_template"
    )
    make_dataset(run)
    with pytest.raises(errors.PreviewFailed, match="no folder from which"):
        preview_prompt(candidate=base, prompt=run.prompts()[0])  # type: ignore[arg-type]
    with pytest.raises(errors.TrainingRefused, match="no folder from which"):
        refuse_unfit(base=base)
    shard = base.shards.create(round=round_, n_wanted=1)
    with pytest.raises(errors.GenerationFailed, match="no folder from which"):
        generate_shard(shard=shard)
    shard.refresh_from_db()
    assert (shard.state, "no folder from which" in shard.failure) == ("failed", True)
