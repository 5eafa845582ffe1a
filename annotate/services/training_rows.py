"""What a training reads: a dataset's pairs, fed as the candidate was when it made its replies."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from annotate.formats import write_rows
from annotate.models import Candidate, PreferenceDataset
from annotate.services import errors
from annotate.services.exporting import read_rows
from annotate.services.exporting.splits import first_question, identify, read_held_out
from annotate.services.feeding import feed_pair

Row = dict[str, Any]
Message = dict[str, str]


@dataclass(frozen=True)
class PairsRead:
    """What is in a dataset's file: its pairs, their languages, and who wrote their replies."""

    n_pairs: int
    languages: tuple[str, ...]
    writers: frozenset[str]


def check_pairs(*, dataset: PreferenceDataset) -> PairsRead:
    """Read a dataset's file through, and say what is in it.

    Raises:
        TrainingRefused: the dataset is of another form than `dpo`; the file is gone, is not what
            was exported, or is empty; it holds a prompt that is held out by now; or every chosen
            reply is the same text, or every rejected one.
    """
    if dataset.form != PreferenceDataset.Form.DPO:
        message = _("Dataset %(pk)s is of form %(form)s; export one of form dpo to train on.")
        raise errors.TrainingRefused(message % {"pk": dataset.pk, "form": dataset.form})
    held_out = frozenset(read_held_out().tolist())
    n_pairs = 0
    languages: set[str] = set()
    writers: set[str] = set()
    first: dict[str, list[str]] = {}
    is_alike = {"chosen": True, "rejected": True}
    for n_pairs, row in enumerate(_read_rows(dataset), start=1):
        _refuse_held_out(dataset, n_pairs, row, held_out)
        languages.add(row["language"])
        writers |= {row["chosen_candidate"], row["rejected_candidate"]}
        for side in is_alike:
            replies = _replies(row[side])
            is_alike[side] &= first.setdefault(side, replies) == replies
    _refuse_one_sided(dataset, n_pairs, is_alike)
    return PairsRead(n_pairs, tuple(sorted(languages)), frozenset(writers - {""}))


def write_pairs(*, dataset: PreferenceDataset, base: Candidate, out: Path) -> None:
    """Write the pairs that a training of `base` reads (`training.data.Pair`), as JSONL.

    The base's own system text stands before prompts that have none, and for a named prompt format
    each pair holds the text itself; a chat template is left to the tokenizer.

    Raises:
        TrainingRefused: the file is gone or is not what was exported, or a pair cannot be rendered.
    """
    write_rows(out, (feed_pair(row, base) for row in _read_rows(dataset)))


def _read_rows(dataset: PreferenceDataset) -> Iterator[Row]:
    """Yield a dataset's rows; refuse it at the end where its bytes are not those exported."""
    try:
        yield from read_rows(dataset)
    except errors.ExportRefused as error:
        raise errors.TrainingRefused(str(error)) from error


def _refuse_held_out(
    dataset: PreferenceDataset, n: int, row: Row, held_out: frozenset[int]
) -> None:
    """Refuse a row on a held-out prompt, or on one that says the same."""
    if identify(first_question(row["prompt"])) in held_out:
        prompt = (row["prompt_set"], row["prompt_id"])
        message = _(
            "Pair %(n)s of dataset %(pk)s is on prompt %(prompt)s, which is held out now: export"
            " the run again."
        )
        told = {"n": n, "pk": dataset.pk, "prompt": "/".join(prompt)}
        raise errors.TrainingRefused(message % told)


def _replies(messages: list[Message]) -> list[str]:
    return [each["content"] for each in messages if each["role"] == "assistant"]


def _refuse_one_sided(dataset: PreferenceDataset, n_pairs: int, is_alike: dict[str, bool]) -> None:
    """Refuse pairs of which a model learns one sentence, whatever it is asked."""
    if n_pairs == 0:
        raise errors.TrainingRefused(_("Dataset %(pk)s has no pair.") % {"pk": dataset.pk})
    if n_pairs < 2 or not any(is_alike.values()):
        return
    message = (
        _("Dataset %(pk)s is one-sided: all of its %(n)s chosen replies are the same text.")
        if is_alike["chosen"]
        else _("Dataset %(pk)s is one-sided: all of its %(n)s rejected replies are the same text.")
    )
    raise errors.TrainingRefused(message % {"pk": dataset.pk, "n": n_pairs})
