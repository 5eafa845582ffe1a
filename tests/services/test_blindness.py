"""Completions that name their maker are flagged when they are stored, and older ones afterwards."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from annotate.generation.rows import GeneratedCompletion, encode_row
from annotate.models import Completion
from annotate.services.blindness import named_maker
from annotate.services.generating import generate_shard
from annotate.services.importing import import_completions
from annotate.services.shards import find_missing, make_requests
from tests import factories as make
from tests.services.making import begin_round
from tests.services.rows import completion_row, prompt_row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> None:
    settings.KURABE_HOME = tmp_path


def test_named_maker_reads_every_reply_and_the_candidates_own_names() -> None:
    candidate = make.make_candidate(make.make_run(), name="a", model="birds/kestrel-7b")
    replies = ["Hello.", "As I said, I am kestrel-7b."]
    assert named_maker(replies=replies, candidate=candidate) == "I am kestrel-7b"
    assert named_maker(replies=replies[:1], candidate=candidate) == ""


def test_import_flags_what_names_its_maker_and_counts_it() -> None:
    rows = [
        prompt_row("p1"),
        completion_row("p1", "x", "I am ChatGPT. How can I help?"),
        completion_row("p1", "owl-7b", "I'm owl-7b."),
        completion_row("p1", "z", "OpenAI was founded in 2015."),
    ]
    counts = import_completions(rows=rows, run_slug="r", set_slug="s")
    assert counts.n_naming_makers == 2
    flags = Completion.objects.values_list("candidate__name", "names_maker")
    assert dict(flags) == {"x": "I am ChatGPT", "owl-7b": "I'm owl-7b", "z": ""}
    assert import_completions(rows=rows, run_slug="r", set_slug="s").n_naming_makers == 0


def test_generation_flags_what_names_its_maker(settings: Any) -> None:
    """An engine that was killed has left its rows: nothing is generated here, all is stored."""
    shard = begin_round(n_prompts=1).shards.get()
    (request,) = make_requests(shard, find_missing(shard))
    made = GeneratedCompletion(
        key=request.key, replies=("My name is Claude.",), finish_reason="stop", prompt_tokens=1,
        completion_tokens=1, rendered_prompt_sha256="", seed=1, engine="transformers",
        engine_version="1", seconds=1.0,
    )  # fmt: skip
    folder = settings.KURABE_HOME / "generation" / f"shard-{shard.pk}"
    folder.mkdir(parents=True)
    (folder / "completions.jsonl").write_bytes(encode_row(made.to_dict()))
    generate_shard(shard=shard)
    assert Completion.objects.get().names_maker == "My name is Claude"


@pytest.mark.django_db(transaction=True)  # a migration finds no rows of its own transaction
def test_migration_flags_older_completions() -> None:
    """Those that the factories store were not looked through, as the older ones."""
    round_ = make.make_open_round(n_prompts=1)
    candidate = round_.candidates.get(pk=round_.candidates.first().pk)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    older = make.make_completion(candidate, prompt, replies=["I was trained by OpenAI."])
    with connection.schema_editor() as schema_editor:
        import_module("annotate.migrations.0006_flag_makers").flag_older(apps, schema_editor)
    flagged = Completion.objects.exclude(names_maker="").values_list("pk", "names_maker")
    assert list(flagged) == [(older.pk, "I was trained by OpenAI")]
    with pytest.raises(Exception, match="Cannot update"):
        Completion.objects.filter(pk=older.pk).update(names_maker="")
