"""Prompts come in once, and a row that is wrong leaves nothing behind."""

import pytest

from annotate.models import Prompt, PromptSet
from annotate.services import errors, rounds, states
from annotate.services.importing import Counts, import_prompts
from annotate.services.importing.batches import BATCH_SIZE
from tests import factories as make
from tests.services.launched import make_launched
from tests.services.rows import prompt_row

pytestmark = pytest.mark.django_db


def test_import_prompts_stores_all_that_a_row_says() -> None:
    row = prompt_row("長い 名前", "一つ目?", "\n二つ目 ", system="丁寧に。", language="ja",
                     category="joke", is_held_out=True, references=("答え", ""))  # fmt: skip
    assert import_prompts(rows=[row], set_slug="s") == Counts(new=1)
    prompt = PromptSet.objects.get(slug="s").prompts.get()
    assert (prompt.key, prompt.turns, prompt.system) == (row.key, list(row.turns), row.system)
    assert (prompt.language, prompt.category, prompt.is_held_out) == ("ja", "joke", True)
    assert prompt.references == ["答え", ""]


def test_import_prompts_again_adds_nothing() -> None:
    rows = [prompt_row("p1"), prompt_row("p2")]
    import_prompts(rows=rows, set_slug="s")
    counts = import_prompts(rows=[*rows, prompt_row("p3")], set_slug="s")
    assert counts == Counts(new=1, equal=2)
    assert str(counts) == "1 new, 2 there already"
    assert Prompt.objects.count() == 3


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"system": "Be brief."}, "system: \"Be brief.\" is not the text that prompt 'p2' has"
         " in set s; give it another key, or another set"),
        ({"category": "joke"}, "category: \"joke\" is not 'code', which prompt 'p2' has in set"
         " s; change it there first"),
        ({"is_held_out": True}, "is_held_out: true is not what prompt 'p2' has in set s, where"
         " votes on it may have trained a candidate; give it another key"),
        ({"references": ("Four",)}, 'references: ["Four"] is not the right answers that'
         " prompt 'p2' has in set s, if any; give it another key, or another set"),
    ],
)  # fmt: skip
def test_import_prompts_refuses_what_contradicts_and_keeps_nothing(
    told: dict[str, object], message: str
) -> None:
    import_prompts(rows=[prompt_row("p2", category="code")], set_slug="s")
    rows = [prompt_row("p1"), prompt_row("p2", line=7, **told), prompt_row("p3")]
    with pytest.raises(errors.ImportRefused) as refusal:
        import_prompts(rows=rows, set_slug="s")
    assert str(refusal.value) == f"prompts.jsonl, line 7, {message}"
    assert list(Prompt.objects.values_list("key", "system")) == [("p2", "")]


def test_import_prompts_refuses_a_contradiction_within_its_rows() -> None:
    rows = [prompt_row("p1", "One?"), prompt_row("p1", "Another?")]
    with pytest.raises(errors.ImportRefused, match="is not the text that prompt 'p1' has"):
        import_prompts(rows=rows, set_slug="s")
    assert not PromptSet.objects.exists()


def test_import_prompts_keeps_nothing_of_many_batches() -> None:
    rows = [prompt_row(f"p{number}") for number in range(2 * BATCH_SIZE)]
    with pytest.raises(errors.ImportRefused):
        import_prompts(rows=[*rows, prompt_row("p0", "Another?")], set_slug="s")
    assert (Prompt.objects.count(), PromptSet.objects.count()) == (0, 0)


def test_import_prompts_again_leaves_the_marks_of_a_run() -> None:
    rows = [prompt_row(f"p{number}") for number in range(4)]
    import_prompts(rows=rows, set_slug="s")
    rounds.create_run(slug="r", prompt_sets=PromptSet.objects.all(), held_out_share=0.5)
    assert import_prompts(rows=rows, set_slug="s") == Counts(equal=4)
    assert Prompt.objects.held_out().count() == 2


def test_import_prompts_allows_one_key_in_two_sets() -> None:
    import_prompts(rows=[prompt_row("p1", "One?")], set_slug="s")
    import_prompts(rows=[prompt_row("p1", "Another?")], set_slug="t")
    assert Prompt.objects.count() == 2


def test_import_prompts_adds_none_to_a_set_that_a_launched_run_asks() -> None:
    """Its log hashed the prompts, and drew those to hold out among them."""
    run = make_launched(n_candidates=2, n_prompts=1).run
    prompt_set = run.prompt_sets.get()
    there = prompt_set.prompts.get()
    equal = prompt_row(there.key, *there.turns, language=there.language)
    assert import_prompts(rows=[equal], set_slug=prompt_set.slug) == Counts(equal=1)
    rows = [equal, prompt_row("late", line=2)]
    with pytest.raises(errors.ImportRefused) as refusal:
        import_prompts(rows=rows, set_slug=prompt_set.slug)
    assert str(refusal.value) == (
        f'prompts.jsonl, line 2, key: "late" is not a prompt of set {prompt_set.slug}, which the'
        f" launched run {run.slug} asks as it is; import it into another set"
    )
    assert prompt_set.prompts.get() == there
    states.cancel_run(run=run)
    assert import_prompts(rows=rows, set_slug=prompt_set.slug) == Counts(new=1, equal=1)


def test_import_prompts_adds_to_the_set_of_a_run_that_was_made_by_hand() -> None:
    prompt_set = make.make_open_round().run.prompt_sets.get()
    assert import_prompts(rows=[prompt_row("late")], set_slug=prompt_set.slug) == Counts(new=1)
