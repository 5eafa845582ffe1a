"""Preference pairs come in once, known by their keys, and are never changed."""

import hashlib
import json

import pytest

from annotate.formats import MessageRow
from annotate.models import PreferencePair, PreferenceSet
from annotate.services import errors
from annotate.services.importing import Counts, import_preferences, prompt_sha256
from annotate.services.importing.batches import BATCH_SIZE
from tests.services.rows import preference_row
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def test_import_preferences_stores_all_that_a_row_says() -> None:
    row = preference_row(category="翻訳", margin=0.5, chosen='"引用" \\ {}\n')
    told = {"title": "訳", "licence": "CC-BY-4.0", "origin": "https://example.org/訳"}
    assert import_preferences(rows=[row], set_slug="s", **told) == Counts(new=1)
    preference_set = PreferenceSet.objects.get(slug="s")
    assert {name: getattr(preference_set, name) for name in told} == told
    pair = preference_set.pairs.get()
    assert pair.prompt == [{"role": "user", "content": "質問？"}]
    assert pair.chosen == [{"role": "assistant", "content": '"引用" \\ {}\n'}]
    assert pair.rejected == [{"role": "assistant", "content": "悪い返事"}]
    assert (pair.key, pair.language, pair.category, pair.margin) == ("k1", "ja", "翻訳", 0.5)


def test_prompt_sha256_is_that_of_the_messages_as_canonical_json() -> None:
    import_preferences(rows=[preference_row()], set_slug="s")
    written = json.dumps(
        [{"content": "質問？", "role": "user"}], ensure_ascii=False, separators=(",", ":")
    )
    expected = hashlib.sha256(written.encode()).hexdigest()
    assert PreferencePair.objects.get().prompt_sha256 == expected
    assert prompt_sha256([MessageRow("user", "質問？")]) == expected


def test_import_preferences_again_adds_nothing() -> None:
    rows = [preference_row(f"k{n}", margin=n / 7) for n in range(BATCH_SIZE + 3)]
    import_preferences(rows=rows, set_slug="s")
    counts = import_preferences(rows=[*rows, preference_row("new")], set_slug="s")
    assert counts == Counts(new=1, equal=len(rows))
    assert PreferencePair.objects.count() == len(rows) + 1


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"prompt": "別？"}, "prompt"), ({"chosen": "別"}, "chosen"),
        ({"rejected": "別"}, "rejected"), ({"language": "en"}, "language"),
        ({"category": "joke"}, "category"), ({"margin": 1.0}, "margin"),
    ],
)  # fmt: skip
def test_import_preferences_refuses_a_changed_pair_and_keeps_nothing(
    told: dict[str, object], field: str
) -> None:
    import_preferences(rows=[preference_row()], set_slug="s")
    rows = [preference_row("k0"), preference_row(line=4, **told)]
    with pytest.raises(errors.ImportRefused) as refusal:
        import_preferences(rows=rows, set_slug="s")
    said = str(refusal.value)
    assert said.startswith(f"preferences.jsonl, line 4, {field}: ")
    assert said.endswith(
        "is not what pair 'k1' has in preference set s; pairs are never changed, so give it another"
        " key, or another set"
    )
    assert PreferencePair.objects.count() == 1


def test_import_preferences_refuses_a_key_twice_with_other_words() -> None:
    rows = [preference_row(), preference_row(), preference_row(chosen="別", line=9)]
    with pytest.raises(errors.ImportRefused, match="line 9, chosen"):
        import_preferences(rows=rows, set_slug="s")
    assert not PreferenceSet.objects.exists()


def test_import_preferences_fills_in_what_the_set_did_not_say_and_changes_nothing_else() -> None:
    import_preferences(rows=[preference_row()], set_slug="s", title="Pairs")
    import_preferences(rows=[preference_row()], set_slug="s", licence="MIT")
    with pytest.raises(errors.ImportRefused) as refusal:
        import_preferences(rows=[preference_row("k2")], set_slug="s", licence="CC-BY-NC-4.0")
    assert str(refusal.value) == (
        "licence: 'CC-BY-NC-4.0' is not 'MIT', which preference set s has; leave it out, or import"
        " into another set"
    )
    there = PreferenceSet.objects.get()
    assert (there.title, there.licence, there.pairs.count()) == ("Pairs", "MIT", 1)


@pytest.mark.django_db(transaction=True)
def test_import_preferences_twice_at_one_moment_stores_them_once() -> None:
    rows = [preference_row(f"k{n}") for n in range(BATCH_SIZE + 1)]
    counts = at_once(*[lambda: import_preferences(rows=rows, set_slug="s")] * 2)
    assert sorted(each.new for each in counts) == [0, len(rows)]
