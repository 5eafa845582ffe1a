"""A checkpoint comes in with its parent's settings, and meets its parent and the anchors."""

import pytest

from annotate.models import Candidate, GenerationShard
from annotate.services import states, training
from tests import factories as make
from tests.views.pages import make_training

pytestmark = pytest.mark.django_db

SETTINGS = {
    "preset": "shisa-7b-v1",
    "engine": "vllm",
    "engine_options": {"dtype": "bfloat16"},
    "prompt_format": "llama2",
    "system_prompts": {"ja": "あなたは誠実です。"},
    "sampling": {"temperature": 0.2},
    "stop": ["</s>"],
    "tokenizer": {"use_fast": False},
    "licence": "Apache-2.0",
}


def make_child(**run: object) -> Candidate:
    """Enrol the checkpoint of a run with an anchor, the parent, and one who takes no part."""
    chosen = make.make_run(state="decided", **run)
    for is_held_out in (False, True):
        make.make_prompt(chosen.prompt_sets.get(), is_held_out=is_held_out)
    for name, fields in {"frozen": {"is_anchor": True}, "other": {}}.items():
        make.make_candidate(chosen, name=name, **fields)
    parent = make.make_candidate(chosen, name="parent", model="folder", **SETTINGS)
    return training.enrol_checkpoint(training_run=make_training(chosen, base=parent))


def test_checkpoint_has_all_of_its_parents_settings() -> None:
    child = make_child()
    assert {name: getattr(child, name) for name in SETTINGS} == SETTINGS
    assert child.model.endswith("/checkpoint")
    assert (child.origin, child.is_anchor) == ("dpo", False)


def test_checkpoint_meets_parent_and_anchors_on_held_out_prompts() -> None:
    child, admin = make_child(), make.make_user("admin")
    run = child.run
    round_ = training.open_next_round(child=child, votes_wanted=30, by=admin)
    names = list(round_.candidates.order_by("id").values_list("name", flat=True))
    assert names == ["frozen", "parent", child.name]
    assert (round_.prompt_scope, round_.votes_wanted) == ("held_out", 30)
    joined = run.events.get(kind="joined")
    assert (joined.detail, joined.by) == ({"round": 1, "candidates": [child.name]}, admin)
    run.refresh_from_db()
    assert run.state == "generating"
    # Only those with an engine have anything to make.
    made = GenerationShard.objects.filter(round=round_).values_list("candidate__name", flat=True)
    assert sorted(made) == sorted(["parent", child.name])


def test_checkpoint_of_a_paused_run_waits_until_it_goes_on() -> None:
    child = make_child()
    states.pause_run(run=child.run)
    round_ = training.open_next_round(child=child, votes_wanted=None)
    assert (round_.is_open, child.run.state) == (False, "generating")
    assert set(round_.shards.values_list("state", flat=True)) == {"waiting"}
