"""The card of a dataset: README.md with the header that hubs read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from django.utils import translation

from annotate.formats import name_of_split
from annotate.models import Candidate, ConsentText, DatasetSource, PreferenceDataset
from annotate.services.exporting import card_words as words
from annotate.services.exporting.figures import left_out_of, say_warnings
from training.licences import name_licence

UNKNOWN = "unknown"
# What stands in a table or a line of Markdown may not begin or end something there.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!])")


@dataclass(frozen=True)
class Made:
    """A dataset and what is to be said beside its own columns.

    Attributes:
        dataset: with its number and its counts; it need not be stored yet.
        sources: not stored either, in the order of the recipe.
        n_test_rows: 0 where it has no rows to test on.
        writers: whose replies are in it.
        consents: the texts that annotators agreed to who voted in it.
    """

    dataset: PreferenceDataset
    sources: Sequence[DatasetSource]
    n_test_rows: int
    writers: Sequence[Candidate]
    consents: Sequence[ConsentText]

    @property
    def splits(self) -> dict[str, int]:
        """Rows by split."""
        rows = {"train": self.dataset.n_pairs, "test": self.n_test_rows}
        return {split: n for split, n in rows.items() if n or split == "train"}

    @property
    def licences(self) -> list[str]:
        """Each licence once, of writers and of imported sets; "" where somebody's is unknown."""
        told = [writer.licence for writer in self.writers]
        told += [each.preference_set.licence for each in self.sources if each.preference_set]
        parts = (part for licence in told for part in licence.split(" AND "))
        return list(dict.fromkeys(parts))


def find_consents(sources: Iterable[DatasetSource]) -> list[ConsentText]:
    """List the consent texts that voters of some sources agreed to, the oldest first."""
    runs = {source.run_id for source in sources if source.run_id is not None}
    given = ConsentText.objects.filter(
        consents__annotator__comparisons__round__run__in=runs,
        consents__annotator__comparisons__answered_at__isnull=False,
    )
    return list(given.order_by("version").distinct())


def write_card(made: Made) -> str:
    """Write the card, in English, as hubs do; the same dataset always has the same."""
    header = yaml.safe_dump(_make_header(made), allow_unicode=True, sort_keys=False)
    with translation.override("en"):
        parts = [
            f"---\n{header}---\n\n# {_name(made)}\n",
            *_introduce(made),
            "## How to load it\n",
            _say_loading(made),
            "## How votes became rows\n",
            _list([words.say_method(_filters(made)), *words.say_choices(_filters(made))]),
            "## Who voted\n",
            _list(_say_voters(made)),
            "## What was left out\n",
            _list(_say_left_out(made)),
            "## Sources\n",
            _table(("source", "rows", "weight", "votes of", "licence"), _source_rows(made)),
            "## Whose replies they are\n",
            *_say_licences(made),
            "## Where it comes from\n",
            *_say_lineage(made),
            "## Known limits\n",
            _list(words.LIMITS),
        ]
    return "\n".join(parts)


def _filters(made: Made) -> dict[str, Any]:
    filters: dict[str, Any] = made.dataset.filters
    return filters


def _counts(made: Made) -> dict[str, Any]:
    counts: dict[str, Any] = made.dataset.counts
    return counts


def _name(made: Made) -> str:
    run, form, pk = made.dataset.run.slug, made.dataset.form, made.dataset.pk
    return f"{run}-{form}" + (f"-{pk}" if pk else "")


def _make_header(made: Made) -> dict[str, Any]:
    """Give the keys that hubs know."""
    form = made.dataset.form
    header: dict[str, Any] = {"pretty_name": _name(made)}
    languages = {tag.partition("-")[0] for tag in _counts(made).get("languages", {})}
    if languages:
        header["language"] = sorted(languages)
    known = [licence for licence in made.licences if licence]
    header |= name_licence(known) or {"license": UNKNOWN}
    header["size_categories"] = [words.size_category(sum(made.splits.values()))]
    header["task_categories"] = [words.TASKS.get(form, "text-generation")]
    header["tags"] = ["kurabe", "preference", form, *(["trl"] if form in words.FOR_TRL else [])]
    header["configs"] = [
        {
            "config_name": "default",
            "data_files": [{"split": split, "path": name_of_split(split)} for split in made.splits],
        }
    ]
    return header


def _introduce(made: Made) -> list[str]:
    rows = words.join(
        [f"{words.count(n, 'row')} to {split} on" for split, n in made.splits.items()]
    )
    said = f"{rows}, made by Kurabe from votes of the candidate selection run {_plain(_run(made))}."
    parts = [f"{said}\n", f"{words.ROWS[made.dataset.form]}\n"]
    if base := _filters(made).get("base"):
        parts.append(f"The texts are in the prompt format of {_plain(base)}.\n")
    warned = say_warnings(_counts(made))
    return [*parts, *(f"> **Note:** {warning}\n" for warning in warned)]


def _run(made: Made) -> str:
    run = made.dataset.run
    return f"{run.title} ({run.slug})" if run.title else run.slug


def _say_loading(made: Made) -> str:
    return (
        "```python\n"
        "from datasets import load_dataset\n\n"
        'rows = load_dataset("path/of/this/folder", split="train")  # or its id on a hub\n'
        "```\n\n"
        "```python\n"
        "import pandas\n\n"
        f'rows = pandas.read_parquet("path/of/this/folder/{name_of_split("train")}")\n'
        "```\n"
    )


def _say_voters(made: Made) -> list[str]:
    counts = _counts(made)
    votes, annotators = counts.get("votes", {}), counts.get("annotators", {})
    said = [
        f"{words.count(sum(votes.values()), 'vote')} behind the rows to train on, by"
        f" {words.say_kinds(annotators)}."
    ]
    if len(votes) > 1:
        kinds = [f"{n:,} by {words.KINDS[kind][1]}" for kind, n in votes.items()]
        said.append(f"Of these votes {words.join(kinds)}.")
    said.append(_say_agreement(counts.get("agreement", {})))
    said.append("Annotators are known by pseudonyms alone; no name or address is in the data.")
    return said


def _say_agreement(agreement: Mapping[str, Any]) -> str:
    if not agreement.get("pairs"):
        return "No two of them judged the same pair of replies, so nobody knows how they agree."
    raw, alpha = agreement["raw"], agreement["alpha"]
    said = f"On {words.count(agreement['pairs'], 'pair')} of replies that several judged, two agree"
    said += f" {raw:.1%} of the time; Krippendorff's alpha is "
    return said + ("not defined, for all votes are alike." if alpha is None else f"{alpha:.3f}.")


def _say_left_out(made: Made) -> list[str]:
    left_out = left_out_of(_counts(made))
    what = "Votes" if made.dataset.form in words.OF_VOTES else "Pairs"
    if not left_out:
        return ["Nothing."]
    return [f"{what}: {words.say_reason(reason, n)}." for reason, n in sorted(left_out.items())]


def _source_rows(made: Made) -> list[tuple[str, ...]]:
    return [
        (
            _plain(source.name),
            f"{source.n_rows:,}",
            f"{source.weight:g}",
            source.voters or "none: preferred elsewhere",
            _plain(source.preference_set.licence or UNKNOWN)
            if source.preference_set
            else "of the models below",
        )
        for source in made.sources
    ]


def _say_licences(made: Made) -> list[str]:
    table = _table(
        ("candidate", "model", "licence"),
        [
            (
                _plain(each.name),
                _plain(_model_of(each)) or UNKNOWN,
                _plain(each.licence) or UNKNOWN,
            )
            for each in made.writers
        ],
    )
    licences = [licence for licence in made.licences if licence]
    said = []
    if licences:
        said.append(f"All of these licences hold together: {_plain(words.join(licences))}.")
    if "" in made.licences:
        said.append("Of some texts nobody said under which licence they stand: ask before use.")
    return [table, *([f"{' '.join(said)}\n"] if said else [])]


def _model_of(candidate: Candidate) -> str:
    """Name a model by its id on a hub; a folder of this machine means nothing elsewhere."""
    model = candidate.model.rstrip("/")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return f"{model} ({candidate.revision})" if candidate.revision else model
    return model.rpartition("/")[2]


def _say_lineage(made: Made) -> list[str]:
    dataset = made.dataset
    facts = [
        f"Dataset {dataset.pk} of this Kurabe." if dataset.pk else "",
        f"SHA-256 of its rows to train on as JSONL: `{dataset.sha256}`.",
    ]
    facts += [
        f"{_plain(source.name)}: votes up to number {source.cutoff} of the ledger"
        + (f", of round {source.round_number} alone." if source.round_number else ".")
        for source in made.sources
        if source.run is not None
    ]
    facts.append("The same choices with the same cut-offs give the same rows, byte by byte.")
    parts = [_list([fact for fact in facts if fact])]
    if not made.consents:
        return [*parts, "Nobody who voted was asked for consent here: their votes were imported.\n"]
    parts.append("Those who voted on this Kurabe's pages had agreed to these words:\n")
    for text in made.consents:
        quoted = "\n".join(f"> {line}".rstrip() for line in text.text_en.strip().splitlines())
        parts.append(f"Version {text.version} of the consent text:\n\n{quoted}\n")
    return parts


def _list(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _plain(text: str) -> str:
    """Keep Markdown from taking a name for markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
